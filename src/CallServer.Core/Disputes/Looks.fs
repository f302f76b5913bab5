namespace CallServer.Disputes

open System
open System.Collections.Generic
open CallServer.Model

/// What looks at one gateway say about a claim.
[<RequireQualifiedAccess>]
type Seen =
    /// In none of these looks, all of them within the claimed time, was there anything that could have been the call.
    | Nothing of looks: Interval[]
    /// Something was there that cannot be ruled out.
    | Something
    /// There were too few looks in the claimed time.
    | TooSeldom

/// The complete audits of one gateway, and which connections may have been up in each.
[<Sealed>]
type internal Looks private (looks: Interval[], freeOfWild: int[], freeOfAny: int[]) =

    /// The first look that ended at this time or later.
    static let firstAfter (looks: Interval[]) (time: Instant) =
        let mutable low, high = 0, looks.Length

        while low < high do
            let middle = (low + high) / 2
            if looks[middle].Latest < time then low <- middle + 1 else high <- middle

        low

    /// The last look that began at this time or earlier; -1 if there is none.
    static let lastBefore (looks: Interval[]) (time: Instant) =
        let mutable low, high = 0, looks.Length

        while low < high do
            let middle = (low + high) / 2
            if looks[middle].Earliest <= time then low <- middle + 1 else high <- middle

        low - 1

    /// For each look the next one, itself included, during which none of these legs can have been up.
    static let free (looks: Interval[]) (legs: Leg seq) =
        let edges = Array.zeroCreate (looks.Length + 1)

        for leg in legs do
            let first = firstAfter looks leg.Start.Earliest
            let last = lastBefore looks leg.End.Latest

            if first <= last then
                edges[first] <- edges[first] + 1
                edges[last + 1] <- edges[last + 1] - 1

        let next = Array.create (looks.Length + 1) (looks.Length)
        let up = Array.scan (+) 0 edges

        for i in looks.Length - 1 .. -1 .. 0 do
            next[i] <- if up[i + 1] = 0 then i else next[i + 1]

        next

    /// Looks that overlap count once: of each such pair only the one that ended first is kept.
    static let apart (looks: Interval seq) =
        let kept = List<Interval>()

        for look in looks |> Seq.sortBy (fun look -> struct (look.Latest.Micros, -look.Earliest.Micros)) do
            if kept.Count = 0 || look.Earliest > kept[kept.Count - 1].Latest then
                kept.Add look

        kept.ToArray()

    /// The looks at a gateway, each from its first question to its last answer, and the legs that it carried.
    static member Create(trust: NumberTrust, looks: Interval seq, legs: Leg seq) : Looks =
        let looks = apart looks
        let wild = legs |> Seq.filter (fun leg -> Parties.isWild trust leg.Parties)
        Looks(looks, free looks wild, free looks legs)

    /// Looks within this period for moments when nothing that could have been the call was up: none of the legs that no number
    /// rules out, and none of `suspects`. Without both numbers (`tellsBoth`), a claim's numbers rule out nothing. It takes
    /// `needed` such looks, at least 1.
    member _.Within(period: Interval, tellsBoth: bool, needed: int, suspects: IReadOnlyList<Leg>) : Seen =
        let first = firstAfter looks period.Earliest

        let first =
            if first < looks.Length && looks[first].Earliest < period.Earliest then
                first + 1
            else
                first

        let last = lastBefore looks period.Latest
        let last = if last >= 0 && looks[last].Latest > period.Latest then last - 1 else last

        if last - first + 1 < needed then
            Seen.TooSeldom
        else
            let next = if tellsBoth then freeOfWild else freeOfAny
            let found = List<Interval>()
            let mutable at = next[first]

            while at <= last && found.Count < needed do
                let mutable until = -1

                for suspect in suspects do
                    if
                        suspect.Start.Earliest <= looks[at].Latest && suspect.End.Latest >= looks[at].Earliest
                    then
                        until <- max until (lastBefore looks suspect.End.Latest)

                if until >= at then
                    at <- next[min (until + 1) looks.Length]
                else
                    found.Add looks[at]
                    at <- next[at + 1]

            if found.Count = needed then Seen.Nothing(found.ToArray()) else Seen.Something
