namespace CallServer.Tests.Audit

open System
open CallServer.Wire

/// How an agent of the tests behaves. Its objects are a sorted array; everything else is RFC 3416.
type SmallAgent =
    {
        /// Sorted by name.
        Objects: VarBind[]
        /// How many varbinds a reply has room for.
        MostVarBinds: int
        /// The most rows that it returns for a GetBulk.
        MostRows: int
        /// Answers tooBig to a GetBulk that would not fit, instead of the shortened reply that the RFC asks for.
        TooBig: bool
        /// Does not answer if the reply would have more varbinds: a reply of many fragments gets lost.
        SilentAbove: int
        /// Subtrees that it implements, whether they have instances or not.
        Implemented: Oid list
    }

module SmallAgent =
    let create (objects: VarBind seq) : SmallAgent =
        { Objects = objects |> Seq.sortBy (fun varBind -> varBind.Name) |> Seq.toArray
          MostVarBinds = 100
          MostRows = 1000
          TooBig = false
          SilentAbove = Int32.MaxValue
          Implemented =
            [ for root in [ "1.3.6.1.2.1.1"; "1.3.6.1.2.1.10.21.1"; "1.3.6.1.4.1.9"; "1.3.6.1.4.1.99999" ] ->
                  Oid.parse root ] }

    let private byName =
        Collections.Generic.Comparer.Create(fun (a: VarBind) (b: VarBind) -> a.Name.CompareTo b.Name)

    /// The same objects, with some values changed.
    let at (changed: VarBind list) (agent: SmallAgent) : SmallAgent =
        let objects = Array.copy agent.Objects

        for varBind in changed do
            let place = Array.BinarySearch(objects, varBind, byName)

            if place >= 0 then
                objects[place] <- varBind

        { agent with Objects = objects }

    /// The index of the first object after a name; the number of objects if there is none.
    let private after (agent: SmallAgent) (name: Oid) : int =
        let mutable low = 0
        let mutable high = agent.Objects.Length

        while low < high do
            let middle = (low + high) / 2

            if agent.Objects[middle].Name.CompareTo name <= 0 then
                low <- middle + 1
            else
                high <- middle

        low

    let next (agent: SmallAgent) (name: Oid) : VarBind =
        let at = after agent name

        if at < agent.Objects.Length then
            agent.Objects[at]
        else
            VarBind.create name EndOfMibView

    /// RFC 3416 section 4.2.1.
    let get (agent: SmallAgent) (name: Oid) : VarBind =
        let at = after agent name - 1

        if at >= 0 && agent.Objects[at].Name = name then
            agent.Objects[at]
        elif agent.Implemented |> List.exists (fun root -> Oid.isPrefixOf root name) then
            VarBind.create name NoSuchInstance
        else
            VarBind.create name NoSuchObject

    /// RFC 3416 section 4.2.3, before it is cut to size.
    let bulk (agent: SmallAgent) (request: Pdu) : VarBind[] =
        let heads = request.VarBinds |> Array.truncate request.NonRepeaters
        let bodies = request.VarBinds |> Array.skip heads.Length
        let reply = ResizeArray(heads |> Array.map (fun head -> next agent head.Name))
        let mutable cursors = bodies |> Array.map (fun body -> body.Name)
        let mutable row = 0
        let mutable over = bodies.Length = 0

        while not over
              && row < min request.MaxRepetitions agent.MostRows
              && reply.Count < agent.MostVarBinds + bodies.Length do
            let given = cursors |> Array.map (next agent)
            reply.AddRange given
            cursors <- given |> Array.map (fun varBind -> varBind.Name)
            over <- given |> Array.forall (fun varBind -> varBind.Value = EndOfMibView)
            row <- row + 1

        reply.ToArray()

    /// The answer, or nothing.
    let answer (agent: SmallAgent) (request: Pdu) : Pdu option =
        match request.Kind with
        | Get ->
            request.VarBinds
            |> Array.map (fun varBind -> get agent varBind.Name)
            |> Pdu.response request.RequestId
            |> Some
        | GetNext ->
            request.VarBinds
            |> Array.map (fun varBind -> next agent varBind.Name)
            |> Pdu.response request.RequestId
            |> Some
        | GetBulk ->
            let whole = bulk agent request

            if whole.Length > agent.SilentAbove then
                None
            elif whole.Length > agent.MostVarBinds && agent.TooBig then
                Some(Pdu.errorResponse request.RequestId ErrorStatus.TooBig 0 [||])
            else
                Some(Pdu.response request.RequestId (Array.truncate agent.MostVarBinds whole))
        | Set
        | Response
        | Report
        | TrapV2
        | Inform -> None
