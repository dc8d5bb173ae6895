"""Models: engines and the process that hosts them, named models, generation options, prompt rendering.

May load models and turn requests into answers; never decides what to ask, never caches or scores an answer.

`create` turns `--model` into an `engine`; `host` is the process that a checkpoint is loaded in, `vllm` what runs there,
`remote` the servers that others run, `checkpoint` what a checkpoint's files tell before anything is loaded.
"""
