namespace CallServer.Model

/// The operator's name of a media gateway: 1 to 255 printable characters without spaces. Compared ordinally.
type GatewayId =
    private
    | GatewayId of string

    override this.ToString() = let (GatewayId text) = this in text

/// What a gateway calls one of its connections; the command line's contract tells how it is formed for each kind of gateway.
type ConnectionId =
    private
    | ConnectionId of string

    override this.ToString() = let (ConnectionId text) = this in text

/// What the connections of one call have in common: SIP's Call-ID, MGCP's C:, a Cisco GUID.
type CallId =
    private
    | CallId of string

    override this.ToString() = let (CallId text) = this in text

/// What a gateway states about its own start and changes with every start, such as snmpEngineID and snmpEngineBoots.
type BootToken =
    private
    | BootToken of string

    override this.ToString() = let (BootToken text) = this in text

module private Id =
    /// Identities are keys of the store and stand in single lines of text: bounded, and never a control character.
    let isPlain (limit: int) (text: string) =
        not (isNull text)
        && text.Length > 0
        && text.Length <= limit
        && not (Seq.exists System.Char.IsControl text)

module GatewayId =
    let tryCreate (text: string) =
        if Id.isPlain 255 text && not (Seq.exists System.Char.IsWhiteSpace text) then
            Some(GatewayId text)
        else
            None

    /// For names that were checked before; a bad one is our own mistake and throws.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None -> invalidArg (nameof text) "a gateway id is 1 to 255 printable characters without spaces"

    let value (GatewayId text) = text

module ConnectionId =
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(ConnectionId text) else None

    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg
                (nameof text)
                "a connection id is 1 to 1024 characters, none of them a control character"

    let value (ConnectionId text) = text

module CallId =
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(CallId text) else None

    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg (nameof text) "a call id is 1 to 1024 characters, none of them a control character"

    let value (CallId text) = text

module BootToken =
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(BootToken text) else None

    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg (nameof text) "a boot token is 1 to 1024 characters, none of them a control character"

    let value (BootToken text) = text
