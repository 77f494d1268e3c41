"""Networks of spiking layers, laid out from the `blocks` of the parameters."""
