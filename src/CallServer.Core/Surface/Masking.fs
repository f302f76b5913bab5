namespace CallServer.Surface

/// Hides most of a person's number, and shows the same number always in the same way. Names and device words keep their
/// letters; ids stay as they are, because the record is found by them.
[<AbstractClass; Sealed>]
type NumberMask private () =
    /// The text with its number hidden; null for null. What stands before the last `@` is a person; what stands after it is
    /// a host.
    static member Last4(text: string) : string = HiddenNumbers.last4 text

    /// A connection with the numbers of its parties hidden.
    static member Last4(view: ConnectionView) : ConnectionView =
        { view with
            Originator = NumberMask.Last4 view.Originator
            Remote = NumberMask.Last4 view.Remote }

    /// A call and its legs with the numbers of their parties hidden.
    static member Last4(view: CallDetailView) : CallDetailView =
        { view with
            Originator = NumberMask.Last4 view.Originator
            Legs = [| for leg in view.Legs -> NumberMask.Last4 leg |] }

    /// A fact that changed, with the number hidden if it is one of a party.
    static member Last4(change: FactChange) : FactChange =
        match change.Fact with
        | "originator"
        | "remote" ->
            { change with
                Before = NumberMask.Last4 change.Before
                After = NumberMask.Last4 change.After }
        | _ -> change

    /// A call with the number of its originator hidden.
    static member Last4(view: CallView) : CallView =
        { view with Originator = NumberMask.Last4 view.Originator }
