using System.Text.Json.Serialization;

namespace CallServer.Server.Web.Contract;

/// <summary>The envelope of every list.</summary>
/// <param name="AsOf">When the list was taken, UTC with microseconds.</param>
/// <param name="Complete">Whether every gateway that the list is about was asked, and its last audit listed
/// everything.</param>
/// <param name="Incomplete">The gateways for which that is not so.</param>
/// <param name="Items">The items of this page.</param>
/// <param name="Next">The cursor of the next page; null at the end.</param>
internal sealed record ListOf<T>(
    string AsOf,
    bool Complete,
    IReadOnlyList<string> Incomplete,
    IReadOnlyList<T> Items,
    string? Next
);

/// <summary>Why a request was not served (RFC 9457).</summary>
/// <param name="Type">Always <c>about:blank</c>: the status says what kind it is.</param>
/// <param name="Title">What is wrong, in a line.</param>
/// <param name="Status">The status code again.</param>
/// <param name="Detail">What to do about it; left out where the title says it.</param>
/// <param name="Parameters">What is wrong with each parameter, by name; left out where it is not about one.</param>
internal sealed record Problem(
    string Type,
    string Title,
    int Status,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        IReadOnlyDictionary<string, string>? Parameters
);

/// <summary>Whether the process is alive.</summary>
/// <param name="Alive">Always true.</param>
internal sealed record Liveness(bool Alive);

/// <summary>Whether the server does its role's work, and how those are that its CDRs go to.</summary>
/// <param name="Ready">Whether it does its role's work.</param>
/// <param name="StoreHealthy">Whether the record is being saved.</param>
/// <param name="Store">What waits to be saved.</param>
/// <param name="CdrFile">The CDR files.</param>
/// <param name="Radius">The RADIUS server; null if there is none.</param>
/// <param name="CdrHttp">The system to which CDRs are posted; null if there is none.</param>
internal sealed record Readiness(
    bool Ready,
    bool StoreHealthy,
    ReadinessStore Store,
    ReadinessFile CdrFile,
    Accounting.SinkHealth? Radius,
    Accounting.SinkHealth? CdrHttp
);

/// <summary>What waits to be saved.</summary>
/// <param name="Reason">Why it cannot be saved; null if it can.</param>
/// <param name="PendingGateways">Gateways whose changes wait.</param>
/// <param name="PendingCdrs">CDRs that wait.</param>
internal sealed record ReadinessStore(string? Reason, int PendingGateways, int PendingCdrs);

/// <summary>How the CDR files are.</summary>
/// <param name="Reason">Why they cannot be written; null if they can.</param>
internal sealed record ReadinessFile(string? Reason);

/// <summary>An order to ask a gateway was taken.</summary>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Asked">Always true.</param>
internal sealed record AuditOrder(string Gateway, bool Asked);

/// <summary>A gateway as the configuration file has it.</summary>
/// <param name="Id">Your name for the gateway.</param>
/// <param name="Uri">Where it is, and how it is asked.</param>
/// <param name="Community">Where the SNMPv2c community is kept: <c>env:NAME</c> or <c>file:PATH</c>.</param>
/// <param name="Auth">Where the passphrase for authentication is kept.</param>
/// <param name="Priv">Where the passphrase for encryption is kept.</param>
/// <param name="Interval">Time between two audits, such as <c>10s</c>.</param>
/// <param name="Timeout">How long a reply is waited for, such as <c>1s</c>.</param>
/// <param name="Attempts">How many times a request is sent.</param>
/// <param name="FactsEvery">One audit in so many reads all facts of an SNMP gateway's connections.</param>
/// <param name="History">Whether the gateway's own history is read.</param>
/// <param name="Complete">Only <c>never</c>: absence then closes nothing.</param>
/// <param name="ReplyOctets">The largest reply that is accepted, such as <c>8MB</c>.</param>
/// <param name="AuditOctets">The most that one audit may hold, such as <c>512MB</c>.</param>
/// <param name="Connections">The most active connections in the record.</param>
internal sealed record GatewayBody(
    string Id,
    string Uri,
    string? Community,
    string? Auth,
    string? Priv,
    string? Interval,
    string? Timeout,
    int? Attempts,
    int? FactsEvery,
    bool? History,
    string? Complete,
    string? ReplyOctets,
    string? AuditOctets,
    int? Connections
);

/// <summary>A gateway was added.</summary>
/// <param name="Gateway">Its id.</param>
/// <param name="Uri">Where it is asked; never contains a secret.</param>
/// <param name="Interval">Time between two audits.</param>
internal sealed record GatewayAdded(string Gateway, string Uri, string Interval);

/// <summary>A gateway was removed.</summary>
/// <param name="Gateway">Its id.</param>
/// <param name="Removed">Always true.</param>
/// <param name="Unconfirmed">How many of its connections stay in the record, unconfirmed.</param>
internal sealed record GatewayRemoved(string Gateway, bool Removed, int Unconfirmed);

/// <summary>An order to have a connection ended.</summary>
/// <param name="Gateway">The gateway's id; without it the connection is named GATEWAY/ID.</param>
/// <param name="Connection">What the gateway calls the connection.</param>
/// <param name="Reason">Why, in one line.</param>
/// <param name="By">Who asks for it.</param>
internal sealed record ReleaseBody(string? Gateway, string Connection, string Reason, string By);

/// <summary>A connection was ended.</summary>
/// <param name="Gateway">The gateway's id.</param>
/// <param name="Connection">What the gateway called the connection.</param>
/// <param name="Released">Always true.</param>
/// <param name="By">Who asked for it.</param>
/// <param name="Reason">Why.</param>
/// <param name="Counters">What the gateway counted; null if it did not say.</param>
/// <param name="Cdr">The id of the CDR; null if an audit had closed the connection meanwhile.</param>
internal sealed record ReleaseDone(
    string? Gateway,
    string Connection,
    bool Released,
    string By,
    string Reason,
    Surface.CountersView? Counters,
    string? Cdr
);

/// <summary>An order to act.</summary>
/// <param name="Epoch">The epoch to act under, and to agree on with the other server; null for the next one.</param>
internal sealed record TakeoverBody(int? Epoch);

/// <summary>An empty object.</summary>
internal sealed record Nothing;

/// <summary>The data of an event: what changed, and on demand what the connection is like now.</summary>
/// <param name="Kind">One word, such as <c>opened</c>, <c>closed</c> or <c>conflict</c>.</param>
/// <param name="Gateway">The id of the gateway; empty where the change concerns the server.</param>
/// <param name="Connection">The id of the connection; null if the change concerns the whole gateway.</param>
/// <param name="Time">When it happened, UTC with microseconds.</param>
/// <param name="Detail">Details, in words; null if there is nothing to add.</param>
/// <param name="Was">The id that the connection had before; left out if it was not renamed.</param>
/// <param name="Setup">When its call began; left out if it is not known.</param>
/// <param name="Start">When it became active.</param>
/// <param name="End">When it ended.</param>
/// <param name="Reported">A time that contradicts the record.</param>
/// <param name="Facts">The facts that changed.</param>
/// <param name="Cdr">The id of its CDR.</param>
/// <param name="Record">With <c>record=true</c>: the connection as it is now; null if it is no longer active.</param>
internal sealed record EventData(
    string Kind,
    string Gateway,
    string? Connection,
    string Time,
    string? Detail,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Was,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Surface.IntervalView? Setup,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Surface.IntervalView? Start,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Surface.IntervalView? End,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Surface.IntervalView? Reported,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        IReadOnlyList<Surface.FactChange>? Facts,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Cdr,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] Surface.ConnectionView? Record
);
