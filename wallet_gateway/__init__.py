"""The HTTP front: the wallet's calls as JSON or protobuf over HTTP/1.1 and HTTP/2, forwarded to the gRPC server."""
