namespace CallServer.Disputes

open CallServer.Model

/// Looks at one gateway, all of them complete and within the claimed time, in which nothing could have been the call.
[<Struct>]
type Witness =
    {
        Gateway: int
        /// Each from its first question to its last answer.
        Looks: Interval[]
    }

/// Why a claim that nothing contradicts is not proved.
[<RequireQualifiedAccess>]
type Doubt =
    /// A bound of the connection is not known, or it has not ended.
    | OpenBounds
    /// Only one number agrees, and no call id.
    | OneNumber
    /// The only connections that it could be belong better to this row.
    | Shared of row: int
    /// During the claimed time a connection was up that cannot be ruled out.
    | NotRuledOut

/// Why a claim cannot be true.
[<RequireQualifiedAccess>]
type Disproof =
    /// While the call is said to have gone on, every gateway listed all it carried, and the call was not there.
    | NotThere of Witness[]
    /// As above, at moments when our connection was over or had not begun: the claim is longer than the call.
    | TooLong of leg: int * Witness[]
    /// It claims the same as this row, and fewer such calls were there than rows.
    | Repeated of row: int * Witness[]

/// Why nothing can be said.
[<RequireQualifiedAccess>]
type Gap =
    /// This gateway was not looked at often enough in the claimed time.
    | Unwatched of gateway: int
    /// The claim is so short that tolerance leaves nothing of it.
    | TooShort

/// What the record says about one claim. A leg is one of our connections, as an index.
[<RequireQualifiedAccess>]
type Verdict =
    /// It lies inside the bounds of this connection.
    | Proved of leg: int
    /// Nothing contradicts it.
    | Possible of leg: int voption * Doubt
    | Disproved of Disproof
    /// Neither a connection explains it, nor was everything watched. The leg explains a part of it.
    | Unknown of leg: int voption * Gap
