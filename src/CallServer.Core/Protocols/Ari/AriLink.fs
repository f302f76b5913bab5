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
          Login = target.Login
          Timeout = target.Timeout
          Attempts = target.Attempts
          // What a proxy, or Asterisk while it starts, answers in place of an answer.
          IsUnready = fun status -> status = 502 || status = 503 || status = 504
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
