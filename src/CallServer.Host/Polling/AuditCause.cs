namespace CallServer.Host.Polling;

/// <summary>Why a gateway is asked.</summary>
public enum AuditCause
{
    /// <summary>Its interval has passed.</summary>
    Interval,

    /// <summary>The server has just begun to poll it.</summary>
    Start,

    /// <summary>Somebody asked for it.</summary>
    Operator,
}
