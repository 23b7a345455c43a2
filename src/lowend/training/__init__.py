"""One stage of the curriculum: data, loop, evaluation, resume."""
