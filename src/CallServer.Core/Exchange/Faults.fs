namespace CallServer.Exchange

open CallServer.Ledger

/// Why an exchange has not learnt everything, each reason once.
type internal Faults =
    {
        /// Newest first.
        Reasons: Shortfall list
        /// Errors with the same words count as one reason. For each: how many there were, and where the first one was.
        Errors: Map<string, struct (int * string)>
    }

module internal Faults =
    let none: Faults = { Reasons = []; Errors = Map.empty }

    let isEmpty (faults: Faults) : bool = faults.Reasons.IsEmpty && faults.Errors.IsEmpty

    let add (reason: Shortfall) (faults: Faults) : Faults =
        if List.contains reason faults.Reasons then
            faults
        else
            { faults with Reasons = reason :: faults.Reasons }

    /// Adds an error, of which many may have the same words.
    let addError (words: string) (where: string) (faults: Faults) : Faults =
        let entry =
            match Map.tryFind words faults.Errors with
            | Some(struct (count, first)) -> struct (count + 1, first)
            | None -> struct (1, where)

        { faults with Errors = Map.add words entry faults.Errors }

    /// The reasons in the order in which they came up, then the errors, sorted by their words.
    let toList (faults: Faults) : Shortfall list =
        [ yield! List.rev faults.Reasons

          for KeyValue(words, struct (count, first)) in faults.Errors do
              if count = 1 then
                  CutShort $"{first}: {words}"
              else
                  CutShort $"{first} and {count - 1} more: {words}" ]
