using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

namespace CallServer.Server.Recording.Cdrs;

/// <summary>What .NET lacks for directories.</summary>
internal static class Folders
{
    /// <summary>
    /// fsync(2) of a directory: files that were created or renamed there keep their names after a loss of power.
    /// Windows does this by itself.
    /// </summary>
    public static void Flush(string path)
    {
        if (OperatingSystem.IsWindows())
            return;
        const int readOnly = 0;
        var folder = Open(Encoding.UTF8.GetBytes(path + '\0'), readOnly);
        if (folder < 0)
            throw Failure("opened");
        try
        {
            // Some file systems cannot flush a directory and return EINVAL: nothing more can be done.
            const int invalid = 22;
            if (Fsync(folder) != 0 && Marshal.GetLastPInvokeError() != invalid)
                throw Failure("flushed");
        }
        finally
        {
            _ = Close(folder);
        }

        IOException Failure(string what)
        {
            var error = Marshal.GetLastPInvokeError();
            return new IOException(
                $"the directory {path} cannot be {what}: {new Win32Exception(error).Message}"
            );
        }
    }

#pragma warning disable SYSLIB1054 // generated marshalling needs unsafe code; these calls are one a file
    [DllImport("libc", EntryPoint = "open", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open(byte[] path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(int file);

    [DllImport("libc", EntryPoint = "close", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int file);
#pragma warning restore SYSLIB1054
}
