"""The four services. They never import each other; `lamina.app` alone names them."""
