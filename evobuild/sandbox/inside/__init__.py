"""What runs inside a sandbox: only the standard library, and as few modules of it as can be.

The parent compiles these files and sends them in; inside, nothing of the project can be seen.
"""
