// Asks Kubernetes' CronJob controller when it creates Jobs; tests/cron_times.py puts this file beside the
// controller's own, whose package it becomes part of.
//
// Input: a line `zone TAB schedule TAB moment` for a CronJob that is created at that moment (RFC 3339).
// Output: a line with the moments of its first Jobs, in UTC.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"time"
	_ "time/tzdata"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
)

const (
	jobs  = 4
	looks = 20
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		words := strings.Split(lines.Text(), "\t")
		created, err := time.Parse(time.RFC3339, words[2])
		if err != nil {
			panic(err)
		}
		fmt.Println(strings.Join(times(words[0], words[1], created.UTC()), " "))
	}
}

// times has the controller look at the CronJob whenever it says that it wants to, with a clock of ours.
// Each Job has ended, and is forgotten, before the next look.
func times(zone, schedule string, created time.Time) []string {
	now := created
	control := &fakeJobControl{}
	cronJob := &batchv1.CronJob{
		ObjectMeta: metav1.ObjectMeta{Name: "backup", CreationTimestamp: metav1.NewTime(created)},
		Spec: batchv1.CronJobSpec{
			Schedule:                schedule,
			TimeZone:                &zone,
			ConcurrencyPolicy:       batchv1.ForbidConcurrent,
			StartingDeadlineSeconds: ptr.To[int64](12 * 3600),
		},
	}
	controller := &ControllerV2{
		jobControl:     control,
		cronJobControl: &fakeCJControl{CronJob: cronJob},
		recorder:       &record.FakeRecorder{},
		now:            func() time.Time { return now },
	}
	for look := 0; look < looks && len(control.Jobs) < jobs; look++ {
		after, _, err := controller.syncCronJob(context.Background(), cronJob, nil)
		if err != nil {
			panic(err)
		}
		if after == nil {
			break
		}
		cronJob.Status.Active = nil
		now = now.Add(*after)
	}
	var found []string
	for _, job := range control.Jobs {
		found = append(found, job.CreationTimestamp.UTC().Format(time.RFC3339))
	}
	return found
}
