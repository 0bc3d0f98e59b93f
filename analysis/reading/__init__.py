"""How the text of a prompt is read before an encoder gets it: weights, breaks; nothing heavy is imported here."""
