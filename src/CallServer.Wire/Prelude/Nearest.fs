namespace CallServer.Prelude

open System

/// Finds what somebody probably meant when a word is not known.
[<RequireQualifiedAccess>]
module Nearest =
    /// Levenshtein distance that ignores case and counts two swapped neighbours as one slip.
    let private distance (a: string) (b: string) : int =
        let isSame i j = Char.ToUpperInvariant a[i] = Char.ToUpperInvariant b[j]
        let costs = Array2D.zeroCreate (a.Length + 1) (b.Length + 1)

        for i in 0 .. a.Length do
            for j in 0 .. b.Length do
                costs[i, j] <-
                    if i = 0 || j = 0 then
                        i + j
                    else
                        let cost =
                            min
                                (1 + min costs[i - 1, j] costs[i, j - 1])
                                (costs[i - 1, j - 1] + (if isSame (i - 1) (j - 1) then 0 else 1))

                        if i > 1 && j > 1 && isSame (i - 1) (j - 2) && isSame (i - 2) (j - 1) then
                            min cost (costs[i - 2, j - 2] + 1)
                        else
                            cost

        costs[a.Length, b.Length]

    /// The candidate closest to the word, or `None` if more than a third of the word's letters differ (one
    /// may always).
    let tryFind (word: string) (candidates: string seq) : string option =
        candidates
        |> Seq.map (fun candidate -> struct (candidate, distance word candidate))
        |> Seq.fold
            (fun best (struct (_, distance) as next) ->
                match best with
                | Some(struct (_, least)) when least <= distance -> best
                | Some _
                | None -> Some next)
            None
        |> Option.bind (fun (struct (candidate, distance)) ->
            if distance <= max 1 (word.Length / 3) then Some candidate else None)

    /// ` (did you mean X?)`, or an empty text where no candidate is close enough.
    let hint (word: string) (candidates: string seq) : string =
        match tryFind word candidates with
        | Some nearest -> $" (did you mean {nearest}?)"
        | None -> ""
