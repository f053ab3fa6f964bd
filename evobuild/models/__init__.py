"""Chat models: the chat client, the reply cache behind it, and the engines that answer."""
