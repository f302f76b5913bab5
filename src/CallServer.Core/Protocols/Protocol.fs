namespace CallServer.Protocols

open System
open CallServer.Model
open CallServer.Ledger
open CallServer.Exchange
open CallServer.Protocols.Sip

/// What a gateway may want to hear before it answers.
[<RequireQualifiedAccess>]
type SecretName =
    /// SNMPv2c's community.
    | Community
    /// What proves who asks: SNMPv3's passphrase for authentication, or SIP's digest password.
    | Auth
    /// What encrypts the question: SNMPv3's passphrase for privacy.
    | Priv

    /// As the configuration and the options of the command line call it.
    override this.ToString() =
        match this with
        | Community -> "community"
        | Auth -> "auth"
        | Priv -> "priv"

/// The secrets of one gateway. Nothing prints them.
[<NoComparison; NoEquality>]
type internal Secrets =
    { Community: byte[] voption
      Auth: byte[] voption
      Priv: byte[] voption }

    /// Those that are given.
    member this.Given: SecretName list =
        [ if this.Community.IsSome then
              SecretName.Community
          if this.Auth.IsSome then
              SecretName.Auth
          if this.Priv.IsSome then
              SecretName.Priv ]

    override _.ToString() = "(secrets)"

/// How HTTP carries messages that are bodies: each by a POST, and the answer's body is the reply.
type HttpBodyForm =
    {
        Path: string
        ContentType: string
        /// The body of an answer whose status is no success is a reply too.
        ErrorsAnswer: bool
    }

/// How HTTP carries a protocol's messages.
[<RequireQualifiedAccess>]
type HttpForm =
    | Bodies of HttpBodyForm
    /// Each is a request of its own, and the reply a response, whatever its status, with the request's id (`HttpMessage`).
    | Requests
    /// The same over TLS.
    | SecureRequests of HttpTrust

/// The way that a gateway's messages take.
[<RequireQualifiedAccess>]
type Carrier =
    | Datagrams
    /// Datagrams at first, and a stream where they do not do.
    | DatagramsThenStream
    | Stream
    | Http of HttpForm

/// What an audit is asked with, besides what the URI says.
[<NoComparison; NoEquality>]
type internal Asking =
    {
        Gateway: GatewayId
        Secrets: Secrets
        /// How long one request waits for its answer at first.
        Timeout: TimeSpan
        /// How often a request is sent before it is given up, at least 1.
        Attempts: int
        /// Every audit of this number at least reads all facts of connections that are known and seem unchanged; 1: each does.
        FactsEvery: int
    }

/// How often a watched gateway tells everything, and what the last exchange with it left.
[<NoComparison; NoEquality>]
type internal WatchStart = { Left: obj; Every: TimeSpan; Given: AuditStart }

/// The exchanges that a protocol has with one gateway.
[<NoComparison; NoEquality>]
type internal Exchanges =
    {
        /// From what the last audit left, null at first.
        Audit: obj -> AuditStart -> Machine<Snapshot>
        /// The gateway tells of every change by itself; nothing where it does not, or is not to.
        Watch: (WatchStart -> Machine<Snapshot>) voption
        /// Ends one connection; nothing where the protocol has no message for it.
        Release: (ConnectionId -> AuditStart -> Machine<Release>) voption
        /// Asks which server controls the gateway; nothing where it cannot tell.
        Controller: (AuditStart -> Machine<Controller>) voption
        /// A message of ours that answers one of the gateway's own, and goes back to where that came from.
        IsReply: byte[] -> bool
    }

/// How the time that an audit may take is divided, where it is asked for once.
type internal Patience =
    {
        /// Into so many first waits: a lost datagram costs little, a gateway that is slow to answer is not asked again and
        /// again, and silence is known before the time is over.
        Waits: float
        /// How often a request is sent.
        Attempts: int
    }

/// What a refusal is about, and so what a person looks at next.
[<RequireQualifiedAccess>]
type internal RefusalSubject =
    /// Who asks, and with which secret.
    | Credentials
    /// The version of the protocol.
    | Version
    /// What was asked for.
    | Table

/// A gateway's URI as its protocol understands it.
[<NoComparison; NoEquality>]
type internal Reading =
    {
        Carrier: Carrier
        /// The profile that it names.
        Profile: string voption
        /// The secrets that it is asked with.
        Takes: SecretName list
        /// What is wrong with the secrets that are given, each with the secret that it is about.
        Judge: Secrets -> (SecretName * string) list
        /// The gateway keeps a history of connections that are over, and it is read.
        TellsHistory: bool
        /// The version of the protocol in which it is asked, in words, and how messages are protected; nothing
        /// where there are no versions.
        Speaks: string voption
        /// It is read by a profile, which the URI names or the audit finds.
        IsProfiled: bool
        Patience: Patience
        /// What to try where it does not answer.
        IfSilent: string
        /// What to try where it would not tell.
        IfRefused: RefusalCause -> string
        /// What such a refusal is about.
        Refuses: RefusalCause -> RefusalSubject
        Exchanges: Asking -> Exchanges
    }

/// Everything that the rest of the program knows of a protocol: it is registered by one line in `Protocols`.
[<NoComparison; NoEquality>]
type internal Protocol =
    {
        /// One word, such as the scheme of its URIs.
        Name: string
        /// The schemes of its URIs, each with its default port.
        Schemes: (string * int) list
        /// Its URIs, for help.
        Forms: string list
        /// Lines to type, for help; # begins one that explains those below it.
        Examples: string list
        /// Who answers, as in `try whether X runs`.
        Speaker: string
        Source: SourceTraits
        /// The least that may be sent to a port to learn whether anybody listens there.
        Knock: byte[]
        /// It has a message that ends one connection.
        Releases: bool
        /// A URI of this machine that is asked as that one is.
        Rehearsal: Carrier -> string
        /// Reads a URI of one of its schemes. What is wrong with it is told to the text; nothing where that leaves nothing to read.
        Read: GatewayText -> Reading voption
    }

module internal Patience =
    /// Each repeat waits half as long again: six take 20.8 times the first wait, and some time is spent before.
    let usual: Patience = { Waits = 25.0; Attempts = 6 }

module internal Secrets =
    let none: Secrets = { Community = ValueNone; Auth = ValueNone; Priv = ValueNone }

    /// Those of them that are given, each with this mistake.
    let unwanted (names: SecretName list) (mistake: string) (secrets: Secrets) : (SecretName * string) list =
        [ for name in names do
              if List.contains name secrets.Given then
                  name, mistake ]

    /// No secret is wanted.
    let refuseAll (scheme: string) (secrets: Secrets) : (SecretName * string) list =
        unwanted
            [ SecretName.Community; SecretName.Auth; SecretName.Priv ]
            $"{scheme} gateways take no secret"
            secrets

module internal Exchanges =
    /// A protocol that has audits and nothing else.
    let ofAudit (audit: obj -> AuditStart -> Machine<Snapshot>) : Exchanges =
        { Audit = audit
          Watch = ValueNone
          Release = ValueNone
          Controller = ValueNone
          IsReply = fun _ -> false }
