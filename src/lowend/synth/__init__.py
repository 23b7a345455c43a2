"""The synthesiser: composition (score), rendering (voices, mixdown), and songs with everything that is true of them."""
