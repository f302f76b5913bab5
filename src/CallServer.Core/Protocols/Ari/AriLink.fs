namespace CallServer.Protocols.Ari

open CallServer.Wire
open CallServer.Exchange

/// The requests to an Asterisk.
module internal AriLink =
    /// A limit, in case a gateway answers for ever.
    [<Literal>]
    let private MaxRequests = 400_000

    /// The window begins small: each question about one channel may lock all channels of Asterisk, one after the other.
    let private firstWindow = 2.0

    let private asking (target: AriGateway) : HttpAsking<AriQuestion> =
        { Speaker = "Asterisk"
          Target = fun question -> target.Prefix + "/ari" + question.Target
          Accept = "application/json"
          Body = fun _ _ -> ValueNone
          Login = target.Login
          Timeout = target.Timeout
          Attempts = target.Attempts
          IsUnready = HttpLink.isUnready
          Words = AriReplies.readMessage }

    let start
        (target: AriGateway)
        (pace: Pace voption)
        (given: AuditStart)
        : HttpLink<AriQuestion, 'Outcome> =
        let pace =
            match pace with
            | ValueSome pace -> Pace.resume 1.0 Pace.Gentle pace
            | ValueNone -> Pace.create firstWindow

        HttpLink.start (asking target) MaxRequests pace given
