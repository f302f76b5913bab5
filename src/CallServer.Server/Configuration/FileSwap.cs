using CallServer.Server.Recording.Cdrs;

namespace CallServer.Server.Configuration;

/// <summary>Replaces a file whole: whoever reads it, and a loss of power, find the old content or the new one.</summary>
internal static class FileSwap
{
    /// <summary>
    /// Replaces the content and keeps the mode. A link stays, and the file that it names is replaced. Throws IOException or
    /// UnauthorizedAccessException, and then the file is as it was.
    /// </summary>
    public static void Write(string path, byte[] content)
    {
        var target =
            File.ResolveLinkTarget(path, returnFinalTarget: true)?.FullName ?? Path.GetFullPath(path);
        var beside = target + ".new";
        // A rename does not ask whether the file itself may be written; whoever made it read-only meant it.
        using (File.Open(target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)) { }
        try
        {
            // What an interrupted run left; nobody else makes files of this name.
            File.Delete(beside);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            using (var file = new FileStream(beside, options))
            {
                if (!OperatingSystem.IsWindows())
                    File.SetUnixFileMode(file.SafeFileHandle, File.GetUnixFileMode(target));
                file.Write(content);
                file.Flush(flushToDisk: true);
            }

            File.Move(beside, target, overwrite: true);
        }
        catch
        {
            File.Delete(beside);
            throw;
        }

        Folders.Flush(Path.GetDirectoryName(target)!);
    }
}
