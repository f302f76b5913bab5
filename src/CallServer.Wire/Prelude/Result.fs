namespace CallServer.Prelude

/// `result { let! x = ... }` over Result: the first error ends the block. End every block in a value that is
/// used.
type ResultBuilder() =
    member inline _.Return(value: 'T) : Result<'T, 'E> = Ok value
    member inline _.ReturnFrom(value: Result<'T, 'E>) = value

    member inline _.Bind(value: Result<'T, 'E>, [<InlineIfLambda>] next: 'T -> Result<'U, 'E>) =
        Result.bind next value

    member inline _.Zero() : Result<unit, 'E> = Ok()

    member inline _.Combine(first: Result<unit, 'E>, [<InlineIfLambda>] next: unit -> Result<'T, 'E>) =
        Result.bind next first

    member inline _.Delay([<InlineIfLambda>] body: unit -> Result<'T, 'E>) = body
    member inline _.Run([<InlineIfLambda>] body: unit -> Result<'T, 'E>) = body ()

/// Opens the `result` builder to every file that opens the namespace.
[<AutoOpen>]
module ResultExpression =
    /// The builder of `result { ... }`.
    let result = ResultBuilder()
