"""vLLM: which build is here, how it is loaded, fed and read. Only what runs in an engine host imports vLLM itself."""
