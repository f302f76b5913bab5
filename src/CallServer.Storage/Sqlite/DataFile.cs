using System.Buffers.Binary;

namespace CallServer.Storage.Sqlite;

/// <summary>
/// Checks a file before SQLite may touch it. A file that is not ours is only read here, so that not a byte of it, or
/// beside it, changes.
/// </summary>
internal static class DataFile
{
    /// <summary>"CALS", at offset 68 of our SQLite files (sqlite.org/fileformat2.html §1.3.18).</summary>
    public const int ApplicationId = 0x43414C53;

    private const int HeaderLength = 100;

    /// <summary>The absolute path with links followed, so that one file has one name and one lock.</summary>
    public static string Locate(string file)
    {
        var path = Path.GetFullPath(file);
        try
        {
            var info = new FileInfo(path);
            return info.LinkTarget is null ? path : info.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        }
        catch (IOException error)
        {
            throw new StoreUnavailableException($"{path}: cannot be found ({error.Message}).", error);
        }
    }

    /// <summary>Throws if the file is not ours, or cannot be.</summary>
    public static void Examine(string file)
    {
        if (Directory.Exists(file))
            throw new StoreUnavailableException($"{file}: is a directory; name a file in server.data.");

        var directory = Path.GetDirectoryName(file)!;
        if (!Directory.Exists(directory))
            throw new StoreUnavailableException(
                $"{file}: there is no directory {directory}; make it, or name another file in server.data."
            );

        // An interrupted creation left a journal: SQLite must roll it back before the header means anything.
        if (!File.Exists(file) || File.Exists(file + "-journal"))
            return;

        Span<byte> header = stackalloc byte[HeaderLength];
        var length = Read(file, header);
        if (length == 0)
            return;
        if (length < HeaderLength || !header.StartsWith("SQLite format 3\0"u8))
            throw SqliteErrors.Foreign(file, "it is not an SQLite database");

        var application = BinaryPrimitives.ReadInt32BigEndian(header[68..]);
        if (application != ApplicationId)
            throw SqliteErrors.Foreign(
                file,
                $"its application id is 0x{application:X8}, ours is 0x{ApplicationId:X8}"
            );
    }

    /// <summary>
    /// Makes this the only server on the file, until the lock is disposed or the process ends in any way. The lock is
    /// on a file beside it, so that other tools can still read the record while the server runs.
    /// </summary>
    public static FileStream TakeLock(string file)
    {
        var beside = file + ".lock";
        try
        {
            return new FileStream(beside, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error) when (IsHeld(error))
        {
            throw new StoreLockedException(
                $"{file}: another server runs on it (it holds {beside}). Stop that one, or name another file in server.data.",
                error
            );
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException(
                $"{file}: {beside} cannot be made ({error.Message}). Give this user the right to write there.",
                error
            );
        }
    }

    /// <summary>EWOULDBLOCK on Linux and the BSDs, ERROR_SHARING_VIOLATION on Windows.</summary>
    private static bool IsHeld(IOException error) => error.HResult is 11 or 35 or unchecked((int)0x80070020);

    private static int Read(string file, Span<byte> header)
    {
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            return stream.ReadAtLeast(header, header.Length, throwOnEndOfStream: false);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new StoreUnavailableException(
                $"{file}: cannot be read ({error.Message}). Give this user the right to read and write it.",
                error
            );
        }
    }
}
