namespace CallServer.Gateway

open System
open System.Net
open CallServer.Model
open CallServer.Wire

/// What kind of MGCP gateway to simulate.
[<NoComparison>]
type MgcpOptions =
    {
        /// The part after the @ in its endpoints' names.
        Domain: string
        /// The address to which it sends its own commands, HOST:PORT; `ValueNone` if it has no call agent.
        CallAgent: string voption
        /// The largest answer that it writes, in octets.
        MaxMessage: int
        /// The most endpoints that a bulk audit reports in one answer.
        BulkPage: int
        /// How long after a provisional response the final one follows. The provisional response is sent at once.
        Execution: TimeSpan
        /// Its first transaction id.
        FirstTransaction: int
        Vices: MgcpVices
    }

module MgcpOptions =
    let standard: MgcpOptions =
        { Domain = "[127.0.0.1]"
          CallAgent = ValueNone
          MaxMessage = 65507
          BulkPage = 240
          Execution = TimeSpan.FromMilliseconds 300.0
          FirstTransaction = 1
          Vices = MgcpVices.none }

/// What a gateway needs to carry out one command.
[<NoComparison; NoEquality>]
type internal MgcpSight =
    {
        Now: Instant
        Options: MgcpOptions
        Wiring: Wiring
        /// The notified entity (RFC 3435 §4.1).
        Notified: string
        /// How long it has been without contact to its call agent.
        DisconnectedFor: TimeSpan
    }

/// The answer to a command, without its transaction id.
[<NoComparison>]
type internal MgcpAnswer =
    {
        Code: int
        Package: string voption
        Comment: string
        Parameters: MgcpParameter list
        Sessions: string list
        /// The connections that the command ended.
        Ends: SimConnection list
        /// The new notified entity, if the command named one.
        Notify: string voption
    }

module internal MgcpAnswer =
    let create (code: int) (parameters: MgcpParameter list) : MgcpAnswer =
        { Code = code
          Package = ValueNone
          Comment = (if code < 300 then "OK" else "")
          Parameters = parameters
          Sessions = []
          Ends = []
          Notify = ValueNone }

    let error (code: int) : MgcpAnswer =
        { create code [] with
            Comment = ReturnCode.meaning code |> ValueOption.defaultValue "error" }

    /// An error of the Bulk Audit package: `801 1201 /BA`.
    let bulkError (code: int) (comment: string) : MgcpAnswer =
        { create code [] with Package = ValueSome MgcpBulk.Package; Comment = comment }

/// Finds the endpoints that commands name.
module internal MgcpNames =
    /// Whether the name belongs to this gateway. It answers to its own domain and to any address, but to no other name.
    let isOurs (domain: string) (name: EndpointName) : bool =
        let given = name.Domain.Trim('[', ']')

        String.Equals(given, domain.Trim('[', ']'), StringComparison.OrdinalIgnoreCase)
        || String.Equals(given, "localhost", StringComparison.OrdinalIgnoreCase)
        || fst (IPAddress.TryParse given)

    /// The place of the endpoint with this name.
    let tryPlace (sight: MgcpSight) (name: EndpointName) : int voption =
        if isOurs sight.Options.Domain name then
            match sight.Wiring.Circuits.Places.TryGetValue name.Local with
            | true, place -> ValueSome place
            | _ -> ValueNone
        else
            ValueNone

    /// The places that an all-of wildcard matches, in the order of the list.
    let matching (sight: MgcpSight) (pattern: EndpointName) : int[] =
        if isOurs sight.Options.Domain pattern then
            let names = sight.Wiring.Circuits.Names

            Array.init names.Length id
            |> Array.filter (fun place -> EndpointName.matches pattern names[place])
        else
            [||]

    let isOutOfService (sight: MgcpSight) (place: int) : bool =
        Words.isNth sight.Options.Vices.OutOfServiceEvery place

    /// The words of all lines with this code, split at commas and in upper case.
    let requested (code: string) (parameters: MgcpParameter[]) : string list =
        [ for line in MgcpParameter.all code parameters do
              for word in
                  line.Split(',', StringSplitOptions.RemoveEmptyEntries ||| StringSplitOptions.TrimEntries) do
                  yield word.ToUpperInvariant() ]
