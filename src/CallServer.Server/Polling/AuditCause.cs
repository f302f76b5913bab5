namespace CallServer.Server.Polling;

/// <summary>Why a gateway is asked.</summary>
public enum AuditCause
{
    /// <summary>Its interval has passed.</summary>
    Interval,

    /// <summary>The server has just begun to poll it.</summary>
    Start,

    /// <summary>An operator asked for it.</summary>
    Operator,

    /// <summary>It said that it restarted, over MGCP or by an SNMP trap.</summary>
    Restart,

    /// <summary>It said that it had lost its call agent and has found it again.</summary>
    Reconnect,

    /// <summary>A standing watch of it ended.</summary>
    WatchEnded,

    /// <summary>An operator wants to know what a takeover now would find.</summary>
    DryRun,

    /// <summary>This server is taking over.</summary>
    Takeover,
}
