namespace CallServer.Server.Polling;

/// <summary>Why a gateway is asked.</summary>
public enum AuditCause
{
    /// <summary>Its interval has passed.</summary>
    Interval,

    /// <summary>The server has just begun to poll it.</summary>
    Start,

    /// <summary>Somebody asked for it.</summary>
    Operator,

    /// <summary>It said that it restarted, over MGCP or by an SNMP trap.</summary>
    Restart,

    /// <summary>It said that it had lost its call agent, and has not any more.</summary>
    Reconnect,

    /// <summary>A standing watch of it ended.</summary>
    WatchEnded,

    /// <summary>Somebody wants to know what a takeover now would find.</summary>
    DryRun,

    /// <summary>This server takes over.</summary>
    Takeover,
}
