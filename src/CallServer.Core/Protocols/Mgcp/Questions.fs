namespace CallServer.Protocols.Mgcp

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Why an audit sends a command.
type internal MgcpPurpose =
    /// AUEP with an all-of wildcard: which endpoints?
    | ListEndpoints of EndpointName
    /// The same again: are endpoints that were listed and then unknown really no more?
    | ListAgain of EndpointName
    /// AUEP F: PL.
    | AskPackages of EndpointName
    /// AUEP BA/F: BA/C from that endpoint on; at most so many, 0 for as many as fit.
    | CountConnections of pattern: EndpointName * from: string voption * most: int
    /// AUEP F: I.
    | AskConnections of EndpointName
    /// AUCX of a connection that was listed.
    | AuditListed of EndpointName * id: string
    /// AUCX of a connection that the record holds.
    | AuditKnown of EndpointName * id: string * Connection
    /// MDCX without a change of a connection that the record holds.
    | ModifyKnown of EndpointName * id: string * Connection

/// A question, and how often it was answered with a transient error.
type internal MgcpTask = { Purpose: MgcpPurpose; Refusals: int }

/// The final response to a question.
type internal MgcpAnswer =
    {
        Response: MgcpResponse
        Task: MgcpTask
        /// From when it was asked first until it was answered.
        Heard: Interval
    }

/// What an audit asks a gateway, and what went wrong with it.
type internal MgcpQuestions =
    {
        Tx: MgcpTransactions<MgcpTask, Snapshot>
        /// To be asked again at that time: the gateway was busy.
        Later: struct (Instant * MgcpTask) list
        Faults: Faults
    }

module internal MgcpQuestions =
    /// A gateway that is busy is asked so often again.
    [<Literal>]
    let private MaxRefusals = 2

    let fault (shortfall: Shortfall) (questions: MgcpQuestions) : MgcpQuestions =
        { questions with Faults = Faults.add shortfall questions.Faults }

    /// One of perhaps many errors of one kind.
    let error (words: string) (where: string) (questions: MgcpQuestions) : MgcpQuestions =
        { questions with Faults = Faults.addError words where questions.Faults }

    let private withWindow change (questions: MgcpQuestions) : MgcpQuestions =
        { questions with Tx = { questions.Tx with Window = change questions.Tx.Window } }

    /// Before what waits already.
    let ask (purposes: MgcpPurpose list) (questions: MgcpQuestions) : MgcpQuestions =
        let tasks = purposes |> List.map (fun purpose -> { Purpose = purpose; Refusals = 0 })
        withWindow (RequestWindow.enqueue tasks) questions

    let private tryLater (answer: MgcpAnswer) (refusals: int) (questions: MgcpQuestions) =
        let task = { answer.Task with Refusals = answer.Task.Refusals + refusals }

        if task.Refusals > MaxRefusals then
            ValueNone
        else
            let at = answer.Heard.Latest + questions.Tx.Window.Timeout * (0.5 * float task.Refusals)
            ValueSome { questions with Later = struct (at, task) :: questions.Later }

    /// Another time, perhaps: after a transient error the question waits a little and is asked anew, as another transaction.
    let tryAgain (answer: MgcpAnswer) (questions: MgcpQuestions) : MgcpQuestions voption =
        match ReturnCode.classify answer.Response.Code with
        | TransientError -> tryLater answer 1 questions
        | Acknowledgement
        | Provisional
        | Success
        | PermanentError
        | PackageCode
        | UnknownClass -> ValueNone

    /// An answer that is most likely no transient error is asked for once more only.
    let tryOnce (answer: MgcpAnswer) (questions: MgcpQuestions) : MgcpQuestions voption =
        tryLater answer 2 questions

    /// An answer that tells nothing: asked for again, or an error.
    let refused (where: string) (answer: MgcpAnswer) (questions: MgcpQuestions) : MgcpQuestions =
        tryAgain answer questions
        |> ValueOption.defaultWith (fun () -> error (MgcpReply.words answer.Response) where questions)

    /// Questions of a kind that the gateway does not answer are asked no more.
    let without (isKind: MgcpPurpose -> bool) (questions: MgcpQuestions) : MgcpQuestions =
        let isOther (task: MgcpTask) = not (isKind task.Purpose)

        { questions with
            Later = questions.Later |> List.filter (fun (struct (_, task)) -> isOther task) }
        |> withWindow (fun window -> { window with Queue = List.filter isOther window.Queue })

    let private parameter code value = MgcpParameter.create code value

    /// The command without its transaction id, which is given when it is sent.
    let private commandOf (purpose: MgcpPurpose) : MgcpCommand =
        match purpose with
        | ListEndpoints pattern
        | ListAgain pattern -> Mgcp.command MgcpVerb.AuditEndpoint 1 pattern []
        | AskPackages endpoint -> Mgcp.command MgcpVerb.AuditEndpoint 1 endpoint [ parameter "F" "PL" ]
        | CountConnections(pattern, from, most) ->
            Mgcp.command
                MgcpVerb.AuditEndpoint
                1
                pattern
                [ parameter "BA/F" "BA/C"
                  match from with
                  | ValueSome place -> parameter "BA/SE" place
                  | ValueNone -> ()
                  if most > 0 then
                      parameter "BA/NU" (string most) ]
        | AskConnections endpoint -> Mgcp.command MgcpVerb.AuditEndpoint 1 endpoint [ parameter "F" "I" ]
        | AuditListed(endpoint, id)
        | AuditKnown(endpoint, id, _) ->
            Mgcp.command
                MgcpVerb.AuditConnection
                1
                endpoint
                [ parameter "I" id; parameter "F" MgcpObserving.Asked ]
        | ModifyKnown(endpoint, id, known) ->
            Mgcp.command
                MgcpVerb.ModifyConnection
                1
                endpoint
                [ match known.Facts.Call with
                  | ValueSome call -> parameter "C" (string call)
                  | ValueNone -> ()
                  parameter "I" id ]

    /// Sends what waits, as far as the gateway bears it. Before it was heard, one: whatever it is, one question shows it.
    let rec pump (now: Instant) (questions: MgcpQuestions) : MgcpQuestions =
        let tx = questions.Tx
        let slots = if tx.Window.LastReply.IsNone then 1 else Pace.slots tx.Window.Pace

        match RequestWindow.tryNext slots tx.Window with
        | ValueSome(struct (task, window)) ->
            let tx = MgcpTransactions.send now task (commandOf task.Purpose) { tx with Window = window }
            pump now { questions with Tx = tx }
        | ValueNone -> questions

    /// What was put off and whose time has come waits like the rest.
    let recall (now: Instant) (questions: MgcpQuestions) : MgcpQuestions =
        let ready, later = questions.Later |> List.partition (fun (struct (at, _)) -> at <= now)
        let tasks = [ for struct (_, task) in ready -> task ]
        withWindow (RequestWindow.enqueue tasks) { questions with Later = later }

    let isIdle (questions: MgcpQuestions) : bool =
        questions.Tx.Window.Queue.IsEmpty && questions.Later.IsEmpty

    /// The commands of one event, and when to wake up.
    let commit (questions: MgcpQuestions) : struct (MgcpQuestions * Command list) =
        let wake =
            (RequestWindow.due questions.Tx.Window, questions.Later)
            ||> List.fold (fun least (struct (at, _)) -> Instant.min least at)

        let struct (window, commands) = RequestWindow.commit wake questions.Tx.Window
        struct (withWindow (fun _ -> window) questions, commands)

    let silence (now: Instant) (questions: MgcpQuestions) : Shortfall =
        RequestWindow.silence now "datagrams" "the gateway" "" questions.Tx.Window

    /// Nothing more is asked.
    let finish (snapshot: Snapshot) (questions: MgcpQuestions) : MgcpQuestions =
        withWindow (RequestWindow.finish snapshot) { questions with Later = [] }
