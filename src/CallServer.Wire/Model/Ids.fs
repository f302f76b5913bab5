namespace CallServer.Model

/// The operator's name of a media gateway: 1 to 255 printable characters without spaces. Compared ordinally.
type GatewayId =
    private
    | GatewayId of string

    override this.ToString() = let (GatewayId text) = this in text

/// What a gateway calls one of its connections: 1 to 1024 characters, none of them a control character. Each
/// protocol forms it in its own way, such as ENDPOINT/CONNECTIONID in MGCP and CALLID;TAG in ng.
type ConnectionId =
    private
    | ConnectionId of string

    override this.ToString() = let (ConnectionId text) = this in text

/// What the connections of one call have in common: SIP's Call-ID, MGCP's `C:` (RFC 3435 §2.1.5), a Cisco
/// GUID. 1 to 1024 characters, none of them a control character.
type CallId =
    private
    | CallId of string

    override this.ToString() = let (CallId text) = this in text

/// What a gateway says about its own start, and changes at every start, such as snmpEngineID with
/// snmpEngineBoots (RFC 3411 §5). 1 to 1024 characters, none of them a control character.
type BootToken =
    private
    | BootToken of string

    override this.ToString() = let (BootToken text) = this in text

module private Id =
    /// Ids are keys of the store and appear in single lines of text: so 1 to `limit` characters, and no
    /// control character.
    let isPlain (limit: int) (text: string) =
        not (isNull text)
        && text.Length > 0
        && text.Length <= limit
        && not (Seq.exists System.Char.IsControl text)

/// Checks and makes gateway ids.
module GatewayId =
    /// The id with this text; `None` if the text breaks the type's rule.
    let tryCreate (text: string) =
        if Id.isPlain 255 text && not (Seq.exists System.Char.IsWhiteSpace text) then
            Some(GatewayId text)
        else
            None

    /// The id with a text that was checked before. Throws ArgumentException if it breaks the type's rule.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None -> invalidArg (nameof text) "a gateway id is 1 to 255 printable characters without spaces"

    /// The text of the id.
    let value (GatewayId text) = text

/// Checks and makes connection ids.
module ConnectionId =
    /// The id with this text; `None` if the text breaks the type's rule.
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(ConnectionId text) else None

    /// The id with a text that was checked before. Throws ArgumentException if it breaks the type's rule.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg
                (nameof text)
                "a connection id is 1 to 1024 characters, none of them a control character"

    /// The text of the id.
    let value (ConnectionId text) = text

/// Checks and makes call ids.
module CallId =
    /// The id with this text; `None` if the text breaks the type's rule.
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(CallId text) else None

    /// The id with a text that was checked before. Throws ArgumentException if it breaks the type's rule.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg (nameof text) "a call id is 1 to 1024 characters, none of them a control character"

    /// The text of the id.
    let value (CallId text) = text

/// Checks and makes boot tokens.
module BootToken =
    /// The token with this text; `None` if the text breaks the type's rule.
    let tryCreate (text: string) = if Id.isPlain 1024 text then Some(BootToken text) else None

    /// The token with a text that was checked before. Throws ArgumentException if it breaks the type's rule.
    let create text =
        match tryCreate text with
        | Some id -> id
        | None ->
            invalidArg (nameof text) "a boot token is 1 to 1024 characters, none of them a control character"

    /// The text of the token.
    let value (BootToken text) = text
