namespace CallServer.Wire

open System

/// Why a dialog-info document cannot be read.
type DialogInfoProblem =
    /// Not well-formed XML, or it has a document type declaration, which we never read.
    | BadXml of words: string
    /// The root element is another one, or of another namespace.
    | NotDialogInfo of root: string * space: string
    /// Elements nested deeper than in any real document.
    | TooDeep
    /// More elements, attributes or dialogs than an honest document of this size has: reading them would take
    /// more memory than allowed.
    | TooDense

/// What is wrong, and at which octet of the document; 0 if only the words say where.
type DialogInfoError =
    { Offset: int
      Problem: DialogInfoProblem }

    override this.ToString() =
        match this.Problem with
        | BadXml words -> $"no well-formed XML: {words}"
        | NotDialogInfo(root, "") -> $"a document of {root}, not of dialog-info"
        | NotDialogInfo(root, space) ->
            $"a document of {root} in the namespace {space}, not of dialog-info in urn:ietf:params:xml:ns:dialog-info"
        | TooDeep -> "elements nested deeper than any dialog-info"
        | TooDense -> $"too many elements for its size, at octet {this.Offset}"

/// The state of a dialog (RFC 4235 §3.7.1), or the notifier's own word for it.
[<RequireQualifiedAccess>]
type DialogState =
    | Trying
    | Proceeding
    | Early
    | Confirmed
    | Terminated
    | Other of word: string

/// Who sent the INVITE of a dialog, seen from the observed user agent.
[<RequireQualifiedAccess>]
type DialogDirection =
    /// The observed user agent sent it.
    | Initiator
    | Recipient

/// One side of a dialog (RFC 4235 §4.1.6). What the document does not state is empty.
type DialogParty =
    {
        /// The URI in From or To.
        Identity: string
        Display: string
        /// The URI in Contact.
        Target: string
        /// The session description as text, if it is SDP.
        Session: string
    }

/// One dialog of a document (RFC 4235 §4.1). What the document does not state is empty or ValueNone.
type Dialog =
    {
        Id: string
        CallId: string
        LocalTag: string
        RemoteTag: string
        Direction: DialogDirection voption
        State: DialogState
        /// Why it is in this state: `remote-bye`, `timeout`, …
        Event: string
        /// Seconds since the INVITE was sent or received, ringing included.
        Duration: int64 voption
        Local: DialogParty option
        Remote: DialogParty option
    }

/// A document of type application/dialog-info+xml (RFC 4235 §4).
type DialogInfo =
    {
        /// The document's number within its subscription; ValueNone if it states none.
        Version: int64 voption
        /// state="full": it lists every dialog.
        IsFull: bool
        /// Whose dialogs they are; empty if the document does not say.
        Entity: string
        /// The dialogs whose state is stated: an element without one is no dialog (RFC 4235 §4.1.1 requires
        /// exactly one).
        Dialogs: Dialog[]
    }

/// Names and words of dialog-info documents.
module DialogInfo =
    /// The XML namespace of the elements (RFC 4235 §4).
    [<Literal>]
    let Namespace = "urn:ietf:params:xml:ns:dialog-info"

    /// The media type of the document (RFC 4235 §4).
    [<Literal>]
    let MediaType = "application/dialog-info+xml"

    /// A party about which nothing is stated.
    let noParty: DialogParty = { Identity = ""; Display = ""; Target = ""; Session = "" }

    /// Whether anything is stated about the party.
    let isToldOf (party: DialogParty) : bool = party <> noParty

    /// The state that this word means. Some products write words that the RFC does not have (`busy`,
    /// `progressing`).
    let stateOf (word: string) : DialogState =
        let inline is (known: string) = word.Equals(known, StringComparison.OrdinalIgnoreCase)

        if is "confirmed" then DialogState.Confirmed
        elif is "early" then DialogState.Early
        elif is "trying" then DialogState.Trying
        elif is "proceeding" then DialogState.Proceeding
        elif is "terminated" then DialogState.Terminated
        else DialogState.Other word

    /// The word for a state, as documents write it.
    let stateWord (state: DialogState) : string =
        match state with
        | DialogState.Trying -> "trying"
        | DialogState.Proceeding -> "proceeding"
        | DialogState.Early -> "early"
        | DialogState.Confirmed -> "confirmed"
        | DialogState.Terminated -> "terminated"
        | DialogState.Other word -> word

    /// The word for a direction, as documents write it.
    let directionWord (direction: DialogDirection) : string =
        match direction with
        | DialogDirection.Initiator -> "initiator"
        | DialogDirection.Recipient -> "recipient"
