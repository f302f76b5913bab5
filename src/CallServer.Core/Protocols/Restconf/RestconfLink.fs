namespace CallServer.Protocols.Restconf

open CallServer.Wire
open CallServer.Exchange

/// The requests to an IOS-XE. One is in flight at a time: its web server is small, and each answer is needed before the next question.
module internal RestconfLink =
    /// A limit, in case a gateway answers for ever.
    [<Literal>]
    let private MaxRequests = 1000

    /// 409 is a data store that somebody holds (RFC 8040 section 7), and 429 one that is asked too often; the others come from its web server
    /// while what stands behind it is busy or starts.
    let private isUnready (status: int) : bool = status = 409 || status = 429 || HttpLink.isUnready status

    let start (target: RestconfGateway) (given: AuditStart) : HttpLink<RestconfQuestion, 'Outcome> =
        HttpLink.start
            { Speaker = "RESTCONF"
              Target = _.Target
              Accept = "application/yang-data+json"
              Body = fun _ _ -> ValueNone
              Login = target.Login
              Timeout = target.Timeout
              Attempts = target.Attempts
              IsUnready = isUnready
              Words = RestconfReplies.readError }
            MaxRequests
            (Pace.create 1.0)
            given
