namespace CallServer.Storage;

/// <summary>A fault of the store. Its message names the file, the cause, and what to try.</summary>
public abstract class StoreException(string message, Exception? inner) : Exception(message, inner);

/// <summary>
/// The store cannot be opened, read or written now. The commit that threw this wrote nothing and may be tried again.
/// </summary>
public class StoreUnavailableException(string message, Exception? inner = null)
    : StoreException(message, inner);

/// <summary>There is no room: on the disk, in the quota, or within the file's own limit.</summary>
public sealed class StoreFullException(string message, Exception? inner = null)
    : StoreUnavailableException(message, inner);

/// <summary>Another process holds the store.</summary>
public sealed class StoreLockedException(string message, Exception? inner = null)
    : StoreUnavailableException(message, inner);

/// <summary>A newer version wrote the store. It was left as it is.</summary>
public sealed class StoreVersionException(string message, int found, int known)
    : StoreException(message, null)
{
    /// <summary>The version of the schema in the file.</summary>
    public int Found { get; } = found;

    /// <summary>The newest version that this program knows.</summary>
    public int Known { get; } = known;
}

/// <summary>
/// The store is no longer what this server has written: another server has it, or it has lost what it had confirmed. Nothing
/// is written any more; a start reads what is there.
/// </summary>
public sealed class StoreLostException(string message, Exception? inner = null)
    : StoreException(message, inner);

/// <summary>The file is not a store of ours. It was left as it is.</summary>
public sealed class StoreForeignException(string message, Exception? inner = null)
    : StoreException(message, inner);

/// <summary>The file is damaged. It was left as it is.</summary>
public sealed class StoreDamagedException(string message, Exception? inner = null)
    : StoreException(message, inner);
