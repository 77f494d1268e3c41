"""Block-wise and end-to-end training by backpropagation through time, and the forward pass over whole splits."""
