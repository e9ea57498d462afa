/* Holds the namespaces of a pod: sleeps until it is told to stop, and takes in the children of the dead. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void reap(int signal) { (void)signal; while (waitpid(-1, 0, WNOHANG) > 0); }
static void stop(int signal) { (void)signal; _exit(0); }

int main(void)
{
	signal(SIGINT, stop);
	signal(SIGTERM, stop);
	signal(SIGCHLD, reap);
	for (;;)
		pause();
}
