namespace CallServer.Wire

/// The value of a variable binding (RFC 3416 section 3, ObjectSyntax and the exceptions).
type Value =
    /// INTEGER, 32 bits by the standard; more is kept, because some agents send it.
    | Integer of int64
    | OctetString of byte[]
    | ObjectIdentifier of Oid
    /// 4 octets by the standard, kept as received.
    | IpAddress of byte[]
    | Counter32 of uint32
    /// Unsigned32 too, and the obsolete UInteger32 when received.
    | Gauge32 of uint32
    /// 1/100 s, modulo 2^32.
    | TimeTicks of uint32
    | Opaque of byte[]
    | Counter64 of uint64
    /// `unSpecified`, the value in requests.
    | Null
    | NoSuchObject
    | NoSuchInstance
    | EndOfMibView

[<Struct>]
type VarBind = { Name: Oid; Value: Value }

/// RFC 3416 section 3, PDUs.
type PduKind =
    | Get
    | GetNext
    | GetBulk
    | Set
    | Response
    | Report
    | TrapV2
    | Inform

/// A PDU of SNMPv2. In a GetBulk the two fields for errors carry non-repeaters and max-repetitions, as on the
/// wire.
type Pdu =
    {
        Kind: PduKind
        RequestId: int
        /// See `ErrorStatus`; in a GetBulk, the non-repeaters.
        ErrorStatus: int
        /// From 1, 0 for none; in a GetBulk, the max-repetitions.
        ErrorIndex: int
        VarBinds: VarBind[]
    }

    member this.NonRepeaters = this.ErrorStatus
    member this.MaxRepetitions = this.ErrorIndex

/// Values of error-status (RFC 3416 section 3).
module ErrorStatus =
    [<Literal>]
    let NoError = 0

    [<Literal>]
    let TooBig = 1

    [<Literal>]
    let NoSuchName = 2

    [<Literal>]
    let BadValue = 3

    [<Literal>]
    let ReadOnly = 4

    [<Literal>]
    let GenErr = 5

    [<Literal>]
    let NoAccess = 6

    [<Literal>]
    let NotWritable = 17

    [<Literal>]
    let AuthorizationError = 16

    let private names =
        [| "noError"
           "tooBig"
           "noSuchName"
           "badValue"
           "readOnly"
           "genErr"
           "noAccess"
           "wrongType"
           "wrongLength"
           "wrongEncoding"
           "wrongValue"
           "noCreation"
           "inconsistentValue"
           "resourceUnavailable"
           "commitFailed"
           "undoFailed"
           "authorizationError"
           "notWritable"
           "inconsistentName" |]

    /// The name that the RFC gives, or the number of one that it does not know.
    let name (status: int) : string =
        if status >= 0 && status < names.Length then
            names[status]
        else
            $"errorStatus({status})"

module VarBind =
    let create (name: Oid) (value: Value) : VarBind = { Name = name; Value = value }

    /// With the value that requests carry.
    let unspecified (name: Oid) : VarBind = { Name = name; Value = Null }

module Pdu =
    let private request kind requestId (names: Oid seq) : Pdu =
        { Kind = kind
          RequestId = requestId
          ErrorStatus = 0
          ErrorIndex = 0
          VarBinds = names |> Seq.map VarBind.unspecified |> Seq.toArray }

    let get (requestId: int) (names: Oid seq) : Pdu = request Get requestId names

    let getNext (requestId: int) (names: Oid seq) : Pdu = request GetNext requestId names

    /// The first nonRepeaters names are asked once, the rest maxRepetitions times, row by row (RFC 3416
    /// section 4.2.3).
    let getBulk (requestId: int) (nonRepeaters: int) (maxRepetitions: int) (names: Oid seq) : Pdu =
        { request GetBulk requestId names with
            ErrorStatus = nonRepeaters
            ErrorIndex = maxRepetitions }

    /// A response without an error.
    let response (requestId: int) (varBinds: VarBind[]) : Pdu =
        { Kind = Response
          RequestId = requestId
          ErrorStatus = ErrorStatus.NoError
          ErrorIndex = 0
          VarBinds = varBinds }

    /// A response that refuses; the index of the culprit counts from 1.
    let errorResponse (requestId: int) (status: int) (index: int) (varBinds: VarBind[]) : Pdu =
        { response requestId varBinds with ErrorStatus = status; ErrorIndex = index }

    let report (requestId: int) (varBinds: VarBind[]) : Pdu =
        { response requestId varBinds with Kind = Report }
