using System.Text;

namespace CallServer.Server.Recording.Cdrs;

/// <summary>
/// A file to which whole lines are appended. Half a line that a crash left is cut off before anything else happens to
/// the file; after a failed write the file is as long as before.
/// </summary>
/// <param name="path">An absolute path.</param>
/// <param name="header">The first line of the file; null for none.</param>
/// <param name="followsLinks">Whether the path may be a symbolic link; if not, a link is refused.</param>
/// <param name="cut">Told how many octets of half a line were cut off.</param>
internal sealed class LineFile(string path, string? header, bool followsLinks, Action<long> cut)
{
    // Whether this file's name is known to survive a loss of power.
    private bool kept;

    // Whether its folder has been seen. A folder that vanishes is not created anew: it was probably a mount, and the
    // files are there.
    private bool placed;

    private string Folder => Path.GetDirectoryName(path)!;

    /// <summary>Whether its folder existed before and does not now.</summary>
    public bool HasVanished => Volatile.Read(ref placed) && !Directory.Exists(Folder);

    /// <summary>When it was last written, and its length; null if it does not exist or is empty.</summary>
    public (DateTimeOffset Written, long Length)? Known
    {
        get
        {
            var file = new FileInfo(path);
            return file is { Exists: true, Length: > 0 }
                ? (new DateTimeOffset(file.LastWriteTimeUtc, TimeSpan.Zero), file.Length)
                : null;
        }
    }

    /// <summary>Whether it begins with a line other than the header, such as an older version's header.</summary>
    public bool HasAnotherHeader
    {
        get
        {
            if (header is null || Known is null)
                return false;
            using var file = new StreamReader(Open());
            // Half a header is half a line: it is cut off, not kept.
            var first = new char[header.Length + 1];
            var length = file.ReadBlock(first);
            return !(header + '\n').AsSpan().StartsWith(first.AsSpan(0, length), StringComparison.Ordinal);
        }
    }

    /// <summary>Appends lines, each of which must end with LF; returns when they are on the disk. </summary>
    public void Append(string lines, DateTimeOffset now)
    {
        MakeFolder();
        kept &= File.Exists(path);
        using (var file = Open())
        {
            var end = CutHalfALine(file);
            try
            {
                file.Write(
                    Encoding.UTF8.GetBytes(end == 0 && header is not null ? $"{header}\n{lines}" : lines)
                );
                // This time decides to which period the file belongs.
                File.SetLastWriteTimeUtc(file.SafeFileHandle, now.UtcDateTime);
                file.Flush(flushToDisk: true);
            }
            catch
            {
                TryCut(file, end);
                throw;
            }
        }

        if (!kept)
            Folders.Flush(Folder);
        kept = true;
    }

    /// <summary>Renames the file to the first free name; false if it held no whole line.</summary>
    public bool TryPutAside(IEnumerable<string> names, out string name)
    {
        name = path;
        using (var file = Open())
        {
            if (CutHalfALine(file) == 0)
                return false;
            file.Flush(flushToDisk: true);
        }

        name = names.First(each => !Path.Exists(each));
        // rename(2) is atomic: a crash leaves one name or the other. Nobody else creates such names.
        File.Move(path, name, overwrite: true);
        Folders.Flush(Folder);
        return true;
    }

    private void MakeFolder()
    {
        if (HasVanished)
            throw new IOException(
                $"the directory {Folder} is not there any more: make it, or mount it, again."
            );
        if (Directory.Exists(Folder))
        {
            Volatile.Write(ref placed, true);
            return;
        }

        Directory.CreateDirectory(Folder);
        Volatile.Write(ref placed, true);
        if (Path.GetDirectoryName(Folder) is { } above)
            Folders.Flush(above);
    }

    private FileStream Open()
    {
        if (!followsLinks && new FileInfo(path).LinkTarget is not null)
            throw new IOException(
                $"{path} is a symbolic link: \"cdr\": {{ \"followLinks\": true }} writes where it leads."
            );
        return new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
    }

    /// <summary>Leaves the position at the end, and returns it.</summary>
    private long CutHalfALine(FileStream file)
    {
        var end = WholeLines(file);
        if (end != file.Length)
        {
            cut(file.Length - end);
            file.SetLength(end);
        }

        file.Position = end;
        return end;
    }

    /// <summary>The position after the last line break.</summary>
    private static long WholeLines(FileStream file)
    {
        var block = new byte[4096];
        for (var end = file.Length; end > 0; )
        {
            var start = Math.Max(0, end - block.Length);
            file.Position = start;
            var part = block.AsSpan(0, (int)(end - start));
            file.ReadExactly(part);
            if (part.LastIndexOf((byte)'\n') is >= 0 and var at)
                return start + at + 1;
            end = start;
        }

        return 0;
    }

    private static void TryCut(FileStream file, long end)
    {
        try
        {
            file.SetLength(end);
        }
        catch (IOException)
        {
            // The next write cuts half a line off; whole lines will appear twice.
        }
    }
}
