namespace CallServer.Protocols.Mgcp

open CallServer.Model
open CallServer.Ledger
open CallServer.Wire
open CallServer.Exchange

/// Why an audit sends a command.
type internal MgcpPurpose =
    /// AUEP with an all-of wildcard: which endpoints exist?
    | ListEndpoints of EndpointName
    /// The same again: are endpoints that were listed and then unknown really gone?
    | ListAgain of EndpointName
    /// AUEP F: PL.
    | AskPackages of EndpointName
    /// AUEP BA/F: BA/C from that endpoint on. `most` limits the number of endpoints; 0 means as many as fit.
    | CountConnections of pattern: EndpointName * from: string voption * most: int
    /// AUEP F: I.
    | AskConnections of EndpointName
    /// AUCX of a connection that was listed.
    | AuditListed of EndpointName * id: string
    /// AUCX of a connection on record.
    | AuditKnown of EndpointName * id: string * Connection
    /// MDCX that changes nothing, for a connection on record.
    | ModifyKnown of EndpointName * id: string * Connection

/// A question, and how much of its retry allowance transient errors have used.
type internal MgcpTask = { Purpose: MgcpPurpose; Refusals: int }

/// The final response to a question.
type internal MgcpAnswer =
    {
        Response: MgcpResponse
        Task: MgcpTask
        /// From the first sending of the question until its answer.
        Heard: Interval
    }

/// What an audit asks a gateway, and what went wrong.
type internal MgcpQuestions =
    {
        Tx: MgcpTransactions<MgcpTask, Snapshot>
        /// Questions that the gateway was too busy to answer, and when to ask them again.
        Later: struct (Instant * MgcpTask) list
        Faults: Faults
    }

module internal MgcpQuestions =
    /// How often a question is repeated to a gateway that is busy.
    [<Literal>]
    let private MaxRefusals = 2

    let fault (shortfall: Shortfall) (questions: MgcpQuestions) : MgcpQuestions =
        { questions with Faults = Faults.add shortfall questions.Faults }

    /// Adds an error that many places may share.
    let error (words: string) (where: string) (questions: MgcpQuestions) : MgcpQuestions =
        { questions with Faults = Faults.addError words where questions.Faults }

    let private withWindow change (questions: MgcpQuestions) : MgcpQuestions =
        { questions with Tx = { questions.Tx with Window = change questions.Tx.Window } }

    /// Queues these questions ahead of those that already wait.
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

    /// After a transient error, asks again a little later, under a new transaction id. `ValueNone` if the error is permanent or
    /// has been retried often enough.
    let tryAgain (answer: MgcpAnswer) (questions: MgcpQuestions) : MgcpQuestions voption =
        match ReturnCode.classify answer.Response.Code with
        | TransientError -> tryLater answer 1 questions
        | Acknowledgement
        | Provisional
        | Success
        | PermanentError
        | PackageCode
        | UnknownClass -> ValueNone

    /// Asks once more after an answer that is most likely not a transient error.
    let tryOnce (answer: MgcpAnswer) (questions: MgcpQuestions) : MgcpQuestions voption =
        tryLater answer 2 questions

    /// Handles an answer without information: asks again, or records an error.
    let refused (where: string) (answer: MgcpAnswer) (questions: MgcpQuestions) : MgcpQuestions =
        tryAgain answer questions
        |> ValueOption.defaultWith (fun () -> error (MgcpReply.words answer.Response) where questions)

    /// Drops all waiting questions of a kind that the gateway does not answer.
    let without (isKind: MgcpPurpose -> bool) (questions: MgcpQuestions) : MgcpQuestions =
        let isOther (task: MgcpTask) = not (isKind task.Purpose)

        { questions with
            Later = questions.Later |> List.filter (fun (struct (_, task)) -> isOther task) }
        |> withWindow (fun window -> { window with Queue = List.filter isOther window.Queue })

    let private parameter code value = MgcpParameter.create code value

    /// The command without its transaction id, which is assigned when it is sent.
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

    /// Sends waiting questions, as many as the gateway can take. Before its first reply that is one, which is enough to show that
    /// it is silent.
    let rec pump (now: Instant) (questions: MgcpQuestions) : MgcpQuestions =
        let tx = questions.Tx
        let slots = if tx.Window.LastReply.IsNone then 1 else Pace.slots tx.Window.Pace

        match RequestWindow.tryNext slots tx.Window with
        | ValueSome(struct (task, window)) ->
            let tx = MgcpTransactions.send now task (commandOf task.Purpose) { tx with Window = window }
            pump now { questions with Tx = tx }
        | ValueNone -> questions

    /// Queues the postponed questions whose time has come.
    let recall (now: Instant) (questions: MgcpQuestions) : MgcpQuestions =
        let ready, later = questions.Later |> List.partition (fun (struct (at, _)) -> at <= now)
        let tasks = [ for struct (_, task) in ready -> task ]
        withWindow (RequestWindow.enqueue tasks) { questions with Later = later }

    let isIdle (questions: MgcpQuestions) : bool =
        questions.Tx.Window.Queue.IsEmpty && questions.Later.IsEmpty

    /// The commands that follow from one event, and when to wake up.
    let commit (questions: MgcpQuestions) : struct (MgcpQuestions * Command list) =
        let wake =
            (RequestWindow.due questions.Tx.Window, questions.Later)
            ||> List.fold (fun least (struct (at, _)) -> Instant.min least at)

        let struct (window, commands) = RequestWindow.commit wake questions.Tx.Window
        struct (withWindow (fun _ -> window) questions, commands)

    let silence (now: Instant) (questions: MgcpQuestions) : Shortfall =
        RequestWindow.silence now "datagrams" "the gateway" "" questions.Tx.Window

    /// Ends the audit's questions with this snapshot.
    let finish (snapshot: Snapshot) (questions: MgcpQuestions) : MgcpQuestions =
        withWindow (RequestWindow.finish snapshot) { questions with Later = [] }
