namespace CallServer.Protocols.Kamailio

open System
open CallServer.Prelude
open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// The requests to a Kamailio, by their ids. One is in flight at a time: each answer is needed before the next question.
[<NoEquality; NoComparison>]
type internal KamailioLink<'Outcome> =
    {
        Target: KamailioGateway
        Window: RequestWindow<string, KamailioQuestion, unit, 'Outcome>
        /// What went wrong last on the way to the gateway.
        Trouble: string
    }

module internal KamailioLink =
    /// A limit, in case a gateway answers for ever.
    [<Literal>]
    let private MaxRequests = 1000

    let start (target: KamailioGateway) (given: AuditStart) : KamailioLink<'Outcome> =
        let pace = Pace.create 1.0

        { Target = target
          Window =
            RequestWindow.create target.Timeout target.Attempts MaxRequests pace given.Rng given.At.Steady
          Trouble = "" }

    /// 64 random bits in hex, in quotes.
    let private id (rng: Rng) : struct (string * Rng) =
        let struct (bits, rng) = Rng.next rng
        struct ("\"" + bits.ToString "x16" + "\"", rng)

    let private message (id: string) (question: KamailioQuestion) : byte[] =
        let parameters =
            match question with
            | KamailioQuestion.UpTime
            | KamailioQuestion.Active -> []
            | KamailioQuestion.Processed -> [ JsonRpcParameter.Text "processed_dialogs" ]
            | KamailioQuestion.List -> [ JsonRpcParameter.Text KamailioReplies.BriefFormat ]
            | KamailioQuestion.Dialog callId -> [ JsonRpcParameter.Text callId ]
            | KamailioQuestion.End(entry, number) ->
                [ JsonRpcParameter.Number entry; JsonRpcParameter.Number number ]

        JsonRpc.encodeRequest id (string question) parameters

    let send (now: Instant) (question: KamailioQuestion) (link: KamailioLink<'Outcome>) =
        let struct (id, rng) = id link.Window.Rng
        let link = { link with Window = { link.Window with Rng = rng } }
        let struct (deadline, window) = RequestWindow.deadline link.Target.Timeout now 0 link.Window

        { link with
            Window = RequestWindow.send now id question () (message id question) deadline window }

    let isSpent (request: InFlight<KamailioQuestion, unit>) (link: KamailioLink<'Outcome>) : bool =
        RequestWindow.isSpent request link.Window || RequestWindow.isExhausted link.Window

    let repeat now (id: string) (request: InFlight<KamailioQuestion, unit>) (link: KamailioLink<'Outcome>) =
        let struct (deadline, window) =
            RequestWindow.deadline link.Target.Timeout now request.Times link.Window

        { link with Window = RequestWindow.repeat now id request deadline window }

    /// The request that a message answers, and the answer; nothing if it answers none. A message that cannot be read may be anybody's noise:
    /// it is counted, and the request is sent again.
    let receive
        (now: Instant)
        (octets: byte[])
        (link: KamailioLink<'Outcome>)
        : struct (struct (InFlight<KamailioQuestion, unit> * JsonRpcBody) voption * KamailioLink<'Outcome>) =
        let window = link.Window
        let stray reason = struct (ValueNone, { link with Window = RequestWindow.stray reason window })

        match JsonRpc.decode octets with
        | Error error -> stray (string error)
        | Ok { Body = JsonRpcBody.Request _ } -> stray "a request"
        | Ok message ->
            match Map.tryFind message.Id window.InFlight with
            | None -> stray "an answer to no request of this audit"
            | Some request ->
                struct (ValueSome(struct (request, message.Body)),
                        { link with Window = RequestWindow.answered now message.Id window.Pace window })

    /// What went wrong on the way, to be added to a reason; empty if nothing did.
    let trouble (link: KamailioLink<'Outcome>) : string =
        if link.Trouble = "" then "" else $"; {link.Trouble}"

    let silence (now: Instant) (link: KamailioLink<'Outcome>) : Shortfall =
        RequestWindow.silence now "requests" "Kamailio" (trouble link) link.Window

    let finish (outcome: 'Outcome) (link: KamailioLink<'Outcome>) =
        { link with Window = RequestWindow.finish outcome link.Window }

    /// The commands of one event in order, and when to wake up.
    let commit (link: KamailioLink<'Outcome>) : struct (KamailioLink<'Outcome> * Command<'Outcome> list) =
        let struct (window, commands) = RequestWindow.commit (RequestWindow.due link.Window) link.Window
        struct ({ link with Window = window }, commands)
