namespace CallServer.Disputes

open System
open System.Collections.Generic

/// A row may be a call, at a cost of at least 0: the less, the better they fit.
[<Struct>]
type Candidate =
    {
        Row: int
        Call: int
        /// The connection of the call that fits best.
        Leg: int
        Cost: int64
    }

/// Gives each row at most one call and each call at most one row: as many pairs as possible, and of those ways the one
/// that costs least.
module Assignment =
    /// Up to how many candidates of rows and calls that hang together the best way is found. Beyond that, the pair that
    /// costs least comes first; nothing is held against a row for it.
    let exactUpTo = 20_000

    let private cheapestFirst (candidates: Candidate[]) (rowOf: int[]) (chosen: int[]) =
        for at in candidates |> Array.indexed |> Array.sortBy (fun (_, c) -> c.Cost) |> Array.map fst do
            let candidate = candidates[at]

            if chosen[candidate.Row] < 0 && rowOf[candidate.Call] < 0 then
                chosen[candidate.Row] <- at
                rowOf[candidate.Call] <- candidate.Row

    /// Successive shortest paths (Ford, Fulkerson; with the queue of Bellman, Ford, Moore): each adds one pair, and the
    /// pairs so far are always the cheapest of their number.
    let private best (candidates: Candidate[]) (rows: int) (rowOf: int[]) (chosen: int[]) =
        let ofRow: List<int>[] = Array.init rows (fun _ -> List())

        for at in 0 .. candidates.Length - 1 do
            ofRow[candidates[at].Row].Add at

        // The cost of the cheapest path from a free row to each row and call, and the candidate by which it gets there.
        let toRow = Array.zeroCreate<int64> rows
        let toCall = Array.zeroCreate<int64> rowOf.Length
        let by = Array.zeroCreate<int> rowOf.Length
        let queue = Queue<int>()
        let waits = Array.zeroCreate<bool> rows

        let spread () =
            Array.Fill(toCall, Int64.MaxValue)

            for row in 0 .. rows - 1 do
                if chosen[row] < 0 then
                    toRow[row] <- 0L
                    queue.Enqueue row
                else
                    toRow[row] <- Int64.MaxValue

            while queue.Count > 0 do
                let row = queue.Dequeue()
                waits[row] <- false

                for at in ofRow[row] do
                    let candidate = candidates[at]
                    let cost = toRow[row] + candidate.Cost

                    if at <> chosen[row] && cost < toCall[candidate.Call] then
                        toCall[candidate.Call] <- cost
                        by[candidate.Call] <- at
                        let owner = rowOf[candidate.Call]

                        if owner >= 0 then
                            let back = cost - candidates[chosen[owner]].Cost

                            if back < toRow[owner] then
                                toRow[owner] <- back

                                if not waits[owner] then
                                    waits[owner] <- true
                                    queue.Enqueue owner

        let free () =
            let mutable call = -1

            for other in 0 .. rowOf.Length - 1 do
                if
                    rowOf[other] < 0
                    && toCall[other] < Int64.MaxValue
                    && (call < 0 || toCall[other] < toCall[call])
                then
                    call <- other

            call

        // Along the path, each row leaves the call it had for the next one.
        let rec take call =
            let at = by[call]
            let row = candidates[at].Row
            let left = chosen[row]
            chosen[row] <- at
            rowOf[call] <- row

            if left >= 0 then
                take candidates[left].Call

        spread ()
        let mutable call = free ()

        while call >= 0 do
            take call
            spread ()
            call <- free ()

    /// For each row the index of its candidate, -1 if it gets none. Rows and calls are numbered from 0.
    let choose (rows: int) (calls: int) (candidates: Candidate[]) : int[] =
        let chosen = Array.create rows -1
        let rowOf = Array.create calls -1

        if candidates.Length > exactUpTo then
            cheapestFirst candidates rowOf chosen
        else
            best candidates rows rowOf chosen

        chosen

    /// The same, found for each part that hangs together by itself.
    let chooseInParts (rows: int) (calls: int) (candidates: Candidate[]) : int[] =
        let parent = Array.init (rows + calls) id

        let rec root node =
            let up = parent[node]

            if up = node then
                node
            else
                parent[node] <- parent[up]
                root parent[node]

        for candidate in candidates do
            parent[root candidate.Row] <- root (rows + candidate.Call)

        let chosen = Array.create rows -1
        let roots = candidates |> Array.map (fun candidate -> root candidate.Row)
        let order = Array.init candidates.Length id
        Array.Sort(roots, order)
        let numberOf = Dictionary<int, int>()

        let number node =
            match numberOf.TryGetValue node with
            | true, number -> number
            | _ ->
                let number = numberOf.Count
                numberOf[node] <- number
                number

        let mutable first = 0

        while first < order.Length do
            let mutable last = first + 1

            while last < order.Length && roots[last] = roots[first] do
                last <- last + 1

            if last = first + 1 then
                chosen[candidates[order[first]].Row] <- order[first]
            else
                // Rows and calls of this part, numbered anew from 0.
                let part = ArraySegment(order, first, last - first).ToArray()
                // If two rows fit equally well, the one that comes first gets the call.
                Array.Sort part
                numberOf.Clear()
                let rowNumbers = part |> Array.map (fun at -> number candidates[at].Row)
                let partRows = numberOf.Count
                numberOf.Clear()

                let renumbered =
                    part
                    |> Array.mapi (fun i at ->
                        { candidates[at] with Row = rowNumbers[i]; Call = number candidates[at].Call })

                let picked = choose partRows numberOf.Count renumbered

                for i in picked do
                    if i >= 0 then
                        chosen[candidates[part[i]].Row] <- part[i]

            first <- last

        chosen
