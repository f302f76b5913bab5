namespace CallServer.Model

/// The operator's name of a media gateway: 1 to 255 printable characters without spaces. Compared ordinally.
type GatewayId =
    private
    | GatewayId of string

    override this.ToString() = let (GatewayId text) = this in text

/// What a gateway calls one of its connections: 1 to 1024 characters, none of them a control character. Each protocol
/// forms it in its own way, such as ENDPOINT/CONNECTIONID in MGCP and CALLID;TAG in ng.
type ConnectionId =
    private
    | ConnectionId of string

    override this.ToString() = let (ConnectionId text) = this in text

/// What the connections of one call have in common: SIP's Call-ID, MGCP's `C:` (RFC 3435 §2.1.5), a Cisco GUID. 1 to
/// 1024 characters, none of them a control character.
type CallId =
    private
    | CallId of string

    override this.ToString() = let (CallId text) = this in text

/// What a gateway says of its own start and changes with every start, such as snmpEngineID and snmpEngineBoots (RFC
/// 3411 §5). 1 to 1024 characters, none of them a control character.
type BootToken =
    private
    | BootToken of string

    override this.ToString() = let (BootToken text) = this in text

module private Id =
    /// Identities are keys of the store and stand in single lines of text, so they are 1 to `limit` characters
    /// without a control character.
    let isPlain (limit: int) (text: string) =
        not (isNull text)
        && text.Length > 0
        && text.Length <= limit
        && not (Seq.exists System.Char.IsControl text)

module GatewayId =
    /// A name from a text; nothing where the text breaks the type's rule.
    let tryCreate (text: string) =
        if Id.isPlain 255 text && not (Seq.exists System.Char.IsWhiteSpace text) then
            Some(GatewayId text)
        else
            None

    /// The same of a text that was checked before. Throws ArgumentException where the text breaks the type's rule.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None -> invalidArg (nameof text) "a gateway id is 1 to 255 printable characters without spaces"

    /// The text.
    let value (GatewayId text) = text

module ConnectionId =
    /// An id from a text; nothing where the text breaks the type's rule.
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(ConnectionId text) else None

    /// The same of a text that was checked before. Throws ArgumentException where the text breaks the type's rule.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg
                (nameof text)
                "a connection id is 1 to 1024 characters, none of them a control character"

    /// The text.
    let value (ConnectionId text) = text

module CallId =
    /// An id from a text; nothing where the text breaks the type's rule.
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(CallId text) else None

    /// The same of a text that was checked before. Throws ArgumentException where the text breaks the type's rule.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg (nameof text) "a call id is 1 to 1024 characters, none of them a control character"

    /// The text.
    let value (CallId text) = text

module BootToken =
    /// A token from a text; nothing where the text breaks the type's rule.
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(BootToken text) else None

    /// The same of a text that was checked before. Throws ArgumentException where the text breaks the type's rule.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg (nameof text) "a boot token is 1 to 1024 characters, none of them a control character"

    /// The text.
    let value (BootToken text) = text
