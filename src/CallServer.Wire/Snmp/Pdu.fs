namespace CallServer.Wire

/// The value of a variable binding (RFC 3416 section 3, ObjectSyntax and the exceptions).
type Value =
    /// INTEGER: 32 bits by the standard. A larger value is kept, because some agents send one.
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
    /// The agent has no object of this type (RFC 3416 section 4.2.1).
    | NoSuchObject
    /// The agent has the object type, but not this instance (RFC 3416 section 4.2.1).
    | NoSuchInstance
    /// No object follows this name (RFC 3416 section 4.2.2).
    | EndOfMibView

/// A variable binding: an object's name and its value.
[<Struct>]
type VarBind = { Name: Oid; Value: Value }

/// The PDUs of RFC 3416 section 3.
type PduKind =
    | Get
    | GetNext
    | GetBulk
    | Set
    | Response
    | Report
    | TrapV2
    | Inform

/// A PDU of SNMPv2. In a GetBulk the two error fields carry non-repeaters and max-repetitions, as on the
/// wire.
type Pdu =
    {
        Kind: PduKind
        RequestId: int
        /// One of `ErrorStatus`; in a GetBulk, the non-repeaters.
        ErrorStatus: int
        /// The culprit's position from 1, or 0 for none; in a GetBulk, the max-repetitions.
        ErrorIndex: int
        VarBinds: VarBind[]
    }

    /// Of a GetBulk: how many names are asked once.
    member this.NonRepeaters = this.ErrorStatus
    /// Of a GetBulk: how often the other names are asked.
    member this.MaxRepetitions = this.ErrorIndex

/// Values of error-status (RFC 3416 section 3).
module ErrorStatus =
    /// The agent did what it was asked.
    [<Literal>]
    let NoError = 0

    /// The response would be larger than allowed. Never sent for a GetBulk (RFC 3416 section 4.2.3).
    [<Literal>]
    let TooBig = 1

    /// From SNMPv1: the agent has no such object.
    [<Literal>]
    let NoSuchName = 2

    /// From SNMPv1: the value does not fit the object.
    [<Literal>]
    let BadValue = 3

    /// From SNMPv1: the object cannot be set.
    [<Literal>]
    let ReadOnly = 4

    /// A failure for which there is no other status.
    [<Literal>]
    let GenErr = 5

    /// The object cannot be accessed.
    [<Literal>]
    let NoAccess = 6

    /// The object can never be set.
    [<Literal>]
    let NotWritable = 17

    /// The agent refused access.
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

    /// The RFC's name of a status, or the number of one that the RFC does not define.
    let name (status: int) : string =
        if status >= 0 && status < names.Length then
            names[status]
        else
            $"errorStatus({status})"

/// Makes variable bindings.
module VarBind =
    /// A binding of this value to this name.
    let create (name: Oid) (value: Value) : VarBind = { Name = name; Value = value }

    /// A binding with the value that requests carry.
    let unspecified (name: Oid) : VarBind = { Name = name; Value = Null }

/// Makes requests and responses.
module Pdu =
    let private request kind requestId (names: Oid seq) : Pdu =
        { Kind = kind
          RequestId = requestId
          ErrorStatus = 0
          ErrorIndex = 0
          VarBinds = names |> Seq.map VarBind.unspecified |> Seq.toArray }

    /// Asks for these objects (RFC 3416 section 4.2.1).
    let get (requestId: int) (names: Oid seq) : Pdu = request Get requestId names

    /// Asks for the objects that follow these names (RFC 3416 section 4.2.2).
    let getNext (requestId: int) (names: Oid seq) : Pdu = request GetNext requestId names

    /// Asks for the successors of the first nonRepeaters names once, and of the others maxRepetitions times,
    /// row by row (RFC 3416 section 4.2.3).
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

    /// A response that refuses a request; the index of the culprit counts from 1.
    let errorResponse (requestId: int) (status: int) (index: int) (varBinds: VarBind[]) : Pdu =
        { response requestId varBinds with ErrorStatus = status; ErrorIndex = index }

    /// A Report, by which an engine tells another about a message it could not process.
    let report (requestId: int) (varBinds: VarBind[]) : Pdu =
        { response requestId varBinds with Kind = Report }
