"""What a run does, step by step: the programme, its plan, its ground, and a module for each capability's workloads."""
