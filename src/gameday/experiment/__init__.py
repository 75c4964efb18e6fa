"""What is declared: the experiment and system files, their checks, and the plan computed from them."""
