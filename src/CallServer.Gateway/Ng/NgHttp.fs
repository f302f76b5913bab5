namespace CallServer.Gateway

/// Carries ng over HTTP, as `POST /ng`.
module NgHttp =
    let private form: HttpBodies =
        Posted { Path = "/ng"; ContentType = "application/x-rtpengine-ng"; Status = fun _ -> "200 OK" }

    /// Makes the responder reachable over HTTP too.
    let serve (responder: Responder) : Responder = HttpBodies.serve form responder
