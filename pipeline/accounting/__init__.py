"""What training and inference cost: counted from the plan of the network, with measured twins beside the counts."""
