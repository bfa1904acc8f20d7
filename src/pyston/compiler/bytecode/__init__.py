"""Reading bytecode: decoding, exception table, control-flow graph; one opcode table for each CPython version."""
