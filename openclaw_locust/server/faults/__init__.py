"""What the embedded server does wrong on purpose.

`kinds` and `options` say what there is and what was asked for, `dice` whether it strikes;
`listener`, `contexts`, `certificates` and `hello` do it in TLS, `service` and the others above it.
"""
