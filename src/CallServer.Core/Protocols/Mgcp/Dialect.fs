namespace CallServer.Protocols.Mgcp

open System.Text.RegularExpressions
open CallServer.Wire
open CallServer.Exchange

/// How a gateway wants its commands written, learnt from what it refuses.
///
///   refused with                               the command is written again
///   528                                        in a version that the response names, else in the next untried one
///   510, and nothing was understood before     the same
///   510, 511, 539, and the command had K:      without K:
///
/// RFC 3435 (§2.4, §3.2.1.4) uses 528 for versions and profiles that a gateway does not speak. It does not define how the gateway says
/// which ones it speaks: NCS gateways add `VS: MGCP 1.0, MGCP 1.0 NCS 1.0` (VersionSupported), others write it into the comment.
type MgcpDialect =
    {
        /// `MGCP 1.0`, perhaps with a profile: the end of each command's first line.
        Version: string
        /// Versions that the gateway refused since it last understood a command; newest first.
        Refused: string list
        /// The gateway has answered a command in this version with something other than 510 or 528.
        Understood: bool
        /// The gateway accepts K: in a command.
        TakesAcknowledgements: bool
    }

module MgcpDialect =
    [<Literal>]
    let Ncs = "MGCP 1.0 NCS 1.0"

    [<Literal>]
    let Tgcp = "MGCP 1.0 TGCP 1.0"

    /// The drafts before RFC 2705, which the first gateways speak.
    [<Literal>]
    let Old = "MGCP 0.1"

    /// Tried in this order if the gateway does not say what it speaks.
    let private usual = [ Mgcp.Version; Ncs; Tgcp; Old ]

    let create (version: string) : MgcpDialect =
        { Version = version; Refused = []; Understood = false; TakesAcknowledgements = true }

    /// A version, and the profile's name and version if they follow.
    let private pattern =
        Regex(
            @"\bMGCP[ \t/]+(\d{1,3}\.\d{1,3})(?:[ \t]+([a-z][a-z0-9-]{0,15})[ \t/]+(\d{1,3}\.\d{1,3}))?",
            RegexOptions.IgnoreCase ||| RegexOptions.CultureInvariant
        )

    /// The versions that a response names, at most as many as there are usual ones.
    let named (response: MgcpResponse) : string list =
        let words =
            response.Comment
            :: [ for parameter in response.Parameters do
                     if parameter.Code = "VS" then
                         parameter.Value ]

        [ for text in words do
              for found in pattern.Matches text do
                  let group (number: int) = found.Groups[number].Value.ToUpperInvariant()

                  if group 2 = "" then
                      $"MGCP {group 1}"
                  else
                      $"MGCP {group 1} {group 2} {group 3}" ]
        |> List.distinct
        |> List.truncate usual.Length

    let private withoutAcknowledgements (dialect: MgcpDialect) =
        { dialect with TakesAcknowledgements = false }

    let private inAnotherVersion (response: MgcpResponse) (dialect: MgcpDialect) : MgcpDialect voption =
        let refused = dialect.Version :: dialect.Refused

        match named response @ usual |> List.tryFind (fun version -> not (List.contains version refused)) with
        | Some version -> ValueSome { dialect with Version = version; Refused = refused; Understood = false }
        | None -> ValueNone

    /// The dialect that a refusal asks for; `ValueNone` if the command would be written the same way again.
    let refusedBy
        (response: MgcpResponse)
        (written: MgcpCommand)
        (acknowledges: bool)
        (dialect: MgcpDialect)
        : MgcpDialect voption =
        let isVersion = response.Code = 528 || (response.Code = 510 && not dialect.Understood)
        let isExtension = response.Code = 510 || response.Code = 511 || response.Code = 539

        if acknowledges && isExtension then
            ValueSome(withoutAcknowledgements dialect)
        elif isVersion && written.Version <> dialect.Version then
            // The command was already on its way when another one was refused.
            ValueSome dialect
        elif isVersion then
            inAnotherVersion response dialect
        else
            ValueNone

    /// Notes a final response that is not a refusal of the dialect.
    let heard (response: MgcpResponse) (dialect: MgcpDialect) : MgcpDialect =
        if dialect.Understood || response.Code = 528 || response.Code = 510 then
            dialect
        else
            { dialect with Understood = true; Refused = [] }

    /// The dialect to begin the next exchange with; `ValueNone` if the gateway never understood it.
    let remembered (dialect: MgcpDialect) : MgcpDialect voption =
        if dialect.Understood then ValueSome dialect else ValueNone

    /// All versions that were tried, for the text of a refusal.
    let attempts (dialect: MgcpDialect) : string =
        String.concat ", " (List.rev (List.distinct (dialect.Version :: dialect.Refused)))
