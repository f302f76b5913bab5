namespace CallServer.Gateway

open System.Collections.Generic
open CallServer.Wire

/// Answers Get, GetNext and GetBulk from a view (RFC 3416 section 4.2), as honestly as the vices allow.
module internal Answers =
    /// The place that a walk gets next if it goes wrong here.
    let private astray (vices: Vices) (view: SnmpView) (place: Place) : Place =
        let inColumn =
            place.Region < view.Regions.Length
            && match view.Regions[place.Region] with
               | OfColumn _
               | OfPast _ -> true
               | OfScalar _ -> false

        match vices.Looping with
        | ValueSome(Repeats row) when inColumn && place.Row > row -> { place with Row = row }
        | ValueSome(GoesBack row) when inColumn && place.Row > row -> { place with Row = 0 }
        | ValueSome _
        | ValueNone -> place

    /// Whether the MIB claims to end before this place.
    let private isCutOff (vices: Vices) (view: SnmpView) (place: Place) : bool =
        match vices.EndsAfterRow, view.Regions[place.Region] with
        | ValueSome row, OfColumn _ -> place.Row > row
        | _ -> false

    let private answered
        (vices: Vices)
        (view: SnmpView)
        (before: Oid)
        (place: Place)
        : struct (VarBind * Place) =
        match SnmpView.settle view place with
        | ValueSome(struct (place, _)) when isCutOff vices view place ->
            struct (VarBind.create before EndOfMibView, { Region = view.Regions.Length; Row = 0 })
        | ValueSome(struct (place, value)) ->
            struct (VarBind.create (SnmpView.nameOf view place) value, SnmpView.following place)
        | ValueNone -> struct (VarBind.create before EndOfMibView, { Region = view.Regions.Length; Row = 0 })

    let get (view: SnmpView) (pdu: Pdu) : VarBind[] =
        pdu.VarBinds |> Array.map (fun asked -> VarBind.create asked.Name (SnmpView.get view asked.Name))

    let private next (vices: Vices) (view: SnmpView) (asked: VarBind) : struct (VarBind * Place) =
        SnmpView.after view asked.Name |> astray vices view |> answered vices view asked.Name

    let getNext (vices: Vices) (view: SnmpView) (pdu: Pdu) : VarBind[] =
        pdu.VarBinds
        |> Array.map (fun asked ->
            let struct (varBind, _) = next vices view asked
            varBind)

    /// The position, counted from 1, of the first name whose answer is an object of a broken sub-agent.
    let culprit (vices: Vices) (request: Pdu) (told: VarBind[]) : int voption =
        let isBroken (varBind: VarBind) =
            vices.FaultyBelow |> List.exists (fun root -> Oid.isPrefixOf root varBind.Name)

        let single = if request.Kind = GetBulk then request.NonRepeaters else told.Length

        match Array.tryFindIndex isBroken told with
        | Some place when place < single -> ValueSome(place + 1)
        | Some place -> ValueSome(single + (place - single) % (request.VarBinds.Length - single) + 1)
        | None -> ValueNone

    /// Collects variable bindings up to a limit of octets and a limit of their number.
    type private Gathering(octets: int, number: int) =
        let gathered = List<VarBind>()
        let mutable room = octets

        /// Adds a binding. False, with nothing added, if it does not fit.
        member _.TryAdd(varBind: VarBind) : bool =
            let size = Sizes.varBind varBind

            if size > room || gathered.Count >= number then
                false
            else
                room <- room - size
                gathered.Add varBind
                true

        member _.Count = gathered.Count
        member _.Cut(count: int) = gathered.RemoveRange(count, gathered.Count - count)
        member _.ToArray() = gathered.ToArray()

    /// Answers repeaters row by row: repetition 1 of all repeaters, repetition 2 of all, … until nothing is left or nothing more
    /// fits.
    let private repeat (vices: Vices) (view: SnmpView) (gathering: Gathering) (repeaters: VarBind[]) times =
        let names = repeaters |> Array.map _.Name
        let places = repeaters |> Array.map (fun asked -> SnmpView.after view asked.Name)
        let mutable more = repeaters.Length > 0
        let mutable repetition = 0

        while more && repetition < times do
            let mutable live = false
            let mutable column = 0

            while more && column < repeaters.Length do
                let struct (varBind, following) =
                    astray vices view places[column] |> answered vices view names[column]

                more <- gathering.TryAdd varBind
                names[column] <- varBind.Name
                places[column] <- following
                live <- live || varBind.Value <> EndOfMibView
                column <- column + 1

            repetition <- repetition + 1
            more <- more && live

    /// The reply's variable bindings, as many as fit in this many octets.
    let getBulk (vices: Vices) (view: SnmpView) (room: int) (pdu: Pdu) : VarBind[] =
        let view =
            if vices.BulkSkipsLastRow && view.Rows.Length > 0 then
                { view with Rows = Array.sub view.Rows 0 (view.Rows.Length - 1) }
            else
                view

        let single = min (max 0 pdu.NonRepeaters) pdu.VarBinds.Length
        let width = pdu.VarBinds.Length - single
        let gathering = Gathering(room, vices.MaxVarBinds |> ValueOption.defaultValue System.Int32.MaxValue)

        let fitted =
            pdu.VarBinds
            |> Array.take single
            |> Array.forall (fun asked ->
                let struct (varBind, _) = next vices view asked
                gathering.TryAdd varBind)

        if fitted then
            repeat vices view gathering (Array.skip single pdu.VarBinds) (max 0 pdu.MaxRepetitions)

        let rows = if width = 0 then 0 else (gathering.Count - single) / width

        if vices.ShortByARow && rows > 1 then
            gathering.Cut(single + (rows - 1) * width)

        if vices.CutsRows && rows > 1 && width > 1 then
            gathering.Cut(single + (rows - 1) * width + 1)

        gathering.ToArray()
