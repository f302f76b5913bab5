namespace CallServer.Protocols.Ari

open System
open System.Text
open CallServer.Model
open CallServer.Wire
open CallServer.Exchange

/// The requests to an Asterisk.
module internal AriLink =
    /// A limit, in case a gateway answers for ever.
    [<Literal>]
    let private MaxRequests = 400_000

    /// The window begins small: each question about one channel may lock all channels of Asterisk, one after the other.
    let private firstWindow = 2.0

    /// RFC 7617: user and password, with a colon between them, in UTF-8.
    let private basic (user: string) (password: Secret) : string =
        "Basic "
        + Convert.ToBase64String(Array.append (Encoding.UTF8.GetBytes(user + ":")) (Secret.octets password))

    let private write (target: AriGateway) (id: string) (question: AriQuestion) : byte[] =
        HttpMessage.encodeRequest
            { Target = target.Prefix + "/ari" + question.Target
              Headers =
                [ HttpMessage.Id, id
                  "Accept", "application/json"
                  match target.Login with
                  | ValueSome(struct (user, password)) -> "Authorization", basic user password
                  | ValueNone -> () ]
              Body = [||] }

    let start
        (target: AriGateway)
        (pace: Pace voption)
        (given: AuditStart)
        : HttpLink<AriQuestion, 'Outcome> =
        let pace =
            match pace with
            | ValueSome pace -> Pace.resume 1.0 Pace.Gentle pace
            | ValueNone -> Pace.create firstWindow

        RequestWindow.create target.Timeout target.Attempts MaxRequests pace given.Rng given.At.Steady
        |> HttpLink.start "Asterisk" (write target) AriReplies.readMessage
