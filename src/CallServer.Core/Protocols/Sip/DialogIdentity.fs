namespace CallServer.Protocols.Sip

open CallServer.Model
open CallServer.Wire

/// A dialog as a document reported it; true at some moment within the interval.
[<Struct>]
type internal DialogReport = { Dialog: Dialog; Within: Interval }

/// The record's names for the dialogs of a gateway, by the key of the dialog (`DialogIdentity.key`).
type internal DialogNames = Map<string, struct (Dialog * ConnectionId) list>

/// Decides which reports belong to one dialog, and what that dialog is called. RFC 4235 §4.1 gives each dialog an id of its own.
/// But a fork can have one id with two remote tags, and an update need not repeat Call-ID and tags (FreeSWITCH's
/// sofia_presence.c writes them only in the answer to a SUBSCRIBE).
module internal DialogIdentity =
    let private mayBeSameText (a: string) (b: string) = a = "" || b = "" || a = b

    /// Whether two reports may be of one dialog: what one of them does not state contradicts nothing.
    let mayBeSame (a: Dialog) (b: Dialog) : bool =
        a.Id = b.Id
        && (a.Id <> "" || a.CallId <> "")
        && mayBeSameText a.CallId b.CallId
        && mayBeSameText a.LocalTag b.LocalTag
        && mayBeSameText a.RemoteTag b.RemoteTag

    /// The dialog's id, or its Call-ID if the product leaves the id out. All reports of one dialog have the same key.
    let key (dialog: Dialog) : string = if dialog.Id <> "" then dialog.Id else dialog.CallId

    let private either (newer: string) (older: string) = if newer = "" then older else newer

    /// The newer report, completed with what only the older one stated.
    let merge (older: Dialog) (newer: Dialog) : Dialog =
        { newer with
            CallId = either newer.CallId older.CallId
            LocalTag = either newer.LocalTag older.LocalTag
            RemoteTag = either newer.RemoteTag older.RemoteTag
            Direction = (if newer.Direction.IsSome then newer.Direction else older.Direction)
            Local = (if newer.Local.IsSome then newer.Local else older.Local)
            Remote = (if newer.Remote.IsSome then newer.Remote else older.Remote) }

    /// A dialog's state only moves forward (RFC 4235 §3.7.1): of two reports, the one of higher rank is the newer.
    let rank (dialog: Dialog) : int =
        match dialog.State with
        | DialogState.Other _ -> 0
        | DialogState.Trying -> 1
        | DialogState.Proceeding -> 2
        | DialogState.Early -> 3
        | DialogState.Confirmed -> 4
        | DialogState.Terminated -> 5

    let private told (dialog: Dialog) : int =
        [ dialog.CallId; dialog.LocalTag; dialog.RemoteTag ]
        |> List.sumBy (fun text -> if text = "" then 0 else 1)

    /// One report for each dialog: the one with its latest state. A report that fits several dialogs is dropped.
    let distinct (reports: DialogReport[]) : DialogReport[] =
        let add (kept: DialogReport list) (report: DialogReport) =
            match kept |> List.filter (fun one -> mayBeSame one.Dialog report.Dialog) with
            | [] -> report :: kept
            | [ one ] ->
                let later, earlier =
                    if rank report.Dialog >= rank one.Dialog then report, one else one, report

                { later with Dialog = merge earlier.Dialog later.Dialog }
                :: List.filter
                    (fun other -> not (LanguagePrimitives.PhysicalEquality other.Dialog one.Dialog))
                    kept
            | _ -> kept

        reports
        |> Array.groupBy (fun report -> struct (key report.Dialog, report.Dialog.Id = ""))
        |> Array.collect (fun (_, group) ->
            if group.Length = 1 then
                group
            else
                group
                |> Array.sortBy (fun report -> -(told report.Dialog))
                |> Array.fold add []
                |> List.rev
                |> List.toArray)

    /// The dialog's id, or its Call-ID with both tags if the product leaves the id out.
    let private plain (dialog: Dialog) : string =
        if dialog.Id <> "" then dialog.Id
        elif dialog.CallId = "" then ""
        elif dialog.LocalTag = "" && dialog.RemoteTag = "" then dialog.CallId
        else $"{dialog.CallId};{dialog.LocalTag};{dialog.RemoteTag}"

    let private extended (dialog: Dialog) : ConnectionId voption =
        if dialog.Id = "" || (dialog.LocalTag = "" && dialog.RemoteTag = "") then
            ValueNone
        else
            ConnectionId.tryCreate $"{dialog.Id};{dialog.LocalTag};{dialog.RemoteTag}" |> ValueOption.ofOption

    /// The name that this dialog has already.
    let tryName (dialog: Dialog) (names: DialogNames) : ConnectionId voption =
        match names.TryFind(key dialog) with
        | Some known ->
            known
            |> List.tryPick (fun struct (one, id) -> if mayBeSame one dialog then Some id else None)
            |> ValueOption.ofOption
        | None -> ValueNone

    /// Names the dialogs that share one key; ValueNone for a dialog that cannot have a name of its own. A dialog keeps the name
    /// that it had. The first dialog is called by its id. If the document or the record has several dialogs of that id, the others
    /// are called by id and tags. isKnown says whether the record has a connection of that name.
    let name
        (isKnown: ConnectionId -> bool)
        (names: DialogNames)
        (dialogs: DialogReport[])
        : struct (ConnectionId voption * DialogReport)[] =
        let kept = dialogs |> Array.map (fun report -> struct (tryName report.Dialog names, report))

        let isOthers id =
            names.TryFind(key dialogs[0].Dialog)
            |> Option.exists (List.exists (fun struct (_, known) -> known = id))

        let name (taken: ConnectionId list) (report: DialogReport) : ConnectionId voption =
            let free (id: ConnectionId) = not (List.contains id taken) && not (isOthers id)
            let short = ConnectionId.tryCreate (plain report.Dialog) |> ValueOption.ofOption
            let long = extended report.Dialog

            match long, short with
            | ValueSome id, _ when isKnown id && free id -> ValueSome id
            | _, ValueSome id when free id -> ValueSome id
            | ValueSome id, _ when free id -> ValueSome id
            | _ -> ValueNone

        let taken =
            [ for struct (id, _) in kept do
                  yield! ValueOption.toList id ]

        let struct (_, given) =
            (struct (taken, []),
             kept
             |> Array.sortBy (fun struct (_, report) ->
                 struct (-(rank report.Dialog), report.Dialog.RemoteTag)))
            ||> Array.fold (fun (struct (taken, given)) (struct (id, report)) ->
                let id = if id.IsSome then id else name taken report
                struct (ValueOption.toList id @ taken, struct (id, report) :: given))

        List.toArray given
